"""What a function returns in several lengths, as an option says: whoever takes it apart says which is meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MADE_LOOP, MODEL, codes, linted

from vae_checked.linter import LintReport

SCRIPT = (
    HEAD
    + MODEL
    + FORWARD
    + """

class Criterion(nn.Module):
    def __init__(self, smooth, parts):
        super().__init__()
        self.smooth, self.parts = smooth, parts
        self.density = nn.GaussianNLLLoss()

    def forward(self, y, x, m, s):
        error = F.binary_cross_entropy(y, x, reduction="none").sum(dim=1).mean()
        if self.smooth:
            return error, self.density(m, torch.zeros_like(m), s.exp())
        kl = (0.5 * (s.exp() + m.pow(2) - 1.0 {sign} s).sum(dim=-1)).mean()
        if self.parts:
            return error, kl, error + kl, m, s
        return error, kl, torch.tensor(0)
"""
    + MADE_LOOP.format(
        given="loader, options",
        made="net, criterion = Net(), Criterion(options.smooth, options.parts)",
        loss="{taken}",
        differentiated="loss.backward()",
    )
)
UNPACKED = "error, kl, more = criterion(y, x, m, s)\n        loss = error {by} kl + more"
ALL = "error, kl, both, _, _ = criterion(y, x, m, s)\n        loss = both"


def _report(tmp_path: Path, taken: str, sign: str = "-", std: str = "torch.exp(0.5 * s)") -> LintReport:
    script = SCRIPT.replace("torch.exp(0.5 * s)", std)
    return linted(tmp_path, {"train.py": script.format(sign=sign, taken=taken)})


@pytest.mark.parametrize("taken", [UNPACKED.format(by="+"), ALL])
def test_the_length_that_is_unpacked_is_meant(taken: str, tmp_path: Path) -> None:
    report = _report(tmp_path, taken)
    assert codes(report) == []
    assert [vae.core_checked for vae in report.vaes if vae.subject.endswith("fit")] == [True]


def test_what_is_wrong_in_the_length_that_is_meant_is_named(tmp_path: Path) -> None:
    assert codes(_report(tmp_path / "sign", UNPACKED.format(by="-"))) == ["VAE302"]
    assert codes(_report(tmp_path / "formula", UNPACKED.format(by="+"), sign="+")) == ["VAE301"]
    assert codes(_report(tmp_path / "std", ALL, std="torch.exp(s)")) == ["VAE201"]


@pytest.mark.parametrize(("by", "found"), [("+", []), ("-", ["VAE302"])])
def test_a_part_that_one_length_alone_has_is_of_that(by: str, found: list[str], tmp_path: Path) -> None:
    script = SCRIPT.replace("error, kl, error + kl, m, s", f"error, kl, m, s, error {by} kl")
    taken = "parts = criterion(y, x, m, s)\n        loss = parts[4]"
    report = linted(tmp_path, {"train.py": script.format(sign="-", taken=taken)})
    assert codes(report) == found
    assert [vae.core_checked for vae in report.vaes if vae.subject.endswith("fit")] == [True]


@pytest.mark.parametrize(
    "taken",
    [
        "error, kl, _, _ = criterion(y, x, m, s)\n        loss = error - kl",
        "parts = criterion(y, x, m, s)\n        loss = parts[0] - parts[2]",
    ],
    ids=["no length has", "several lengths have"],
)
def test_a_part_that_no_length_or_several_have_is_not_read(taken: str, tmp_path: Path) -> None:
    script = SCRIPT.replace("error, kl, error + kl, m, s", "error, m, kl, s, m")
    report = linted(tmp_path, {"train.py": script.format(sign="-", taken=taken)})
    assert codes(report) == []
    assert not any(vae.core_checked for vae in report.vaes)
