"""A trainer with a KL in a method that nobody hands anything: left in the code, beside the KL that it trains by."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, codes, linted

from vae_checked.linter import LintReport

SCRIPT = (
    HEAD
    + MODEL
    + FORWARD
    + """

class Trainer:
    def __init__(self, settings, loader):
        self.settings, self.loader = settings, loader
        self.net, self.other = Net(), Net()
        self.optimizer = torch.optim.Adam(self.net.parameters())
{left}
    def run(self):
        for x, _ in self.loader:
            y, m, s = self.net(x)
            error = F.binary_cross_entropy(y, x, reduction="none").sum(dim=1)
            loss = (error {by} {kl}).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
"""
)
PLAIN = """
    def divergence(self, m, s):
        return torch.mean({formula})
"""
OF_LEVELS = """
    def divergence(self, m, s):
        each = [-0.5 * (1 + s[i] - m[i].pow(2) - s[i].exp()).mean() for i in range(len(m))]
        return torch.stack(each).mean()

    def terms(self, m, s, y, x):
        return F.cross_entropy(y.transpose(1, 2), x), self.divergence(m, s)
"""
OF_ANOTHER = """
    def divergence(self, x):
        m, s = self.other.encode(x)
        return torch.mean({formula})
"""
TRAINING = """
    def step(self, m, s, optimizer):
        loss = -torch.mean({formula})
        loss.backward()
        optimizer.step()
"""


def _report(tmp_path: Path, left: str, formula: str = KL, by: str = "+") -> LintReport:
    return linted(tmp_path, {"train.py": SCRIPT.format(left=left.format(formula=formula), by=by, kl=KL)})


@pytest.mark.parametrize("left", [PLAIN, OF_LEVELS], ids=["plain", "of levels"])
def test_a_kl_of_what_nobody_hands_over_is_no_latent(left: str, tmp_path: Path) -> None:
    report = _report(tmp_path, left)
    assert codes(report) == []
    assert [vae.core_checked for vae in report.vaes] == [True]


def test_what_is_wrong_beside_it_is_named(tmp_path: Path) -> None:
    assert codes(_report(tmp_path / "sign", PLAIN, by="-")) == ["VAE302"]
    assert codes(_report(tmp_path / "formula", PLAIN, KL.replace("- m.pow(2)", "+ m.pow(2)"))) == ["VAE301"]


HANDED = (
    PLAIN
    + """
    def prepare(self, unread):
        unread.fit(self.divergence)
"""
)


@pytest.mark.parametrize(
    "left", [OF_ANOTHER, TRAINING, HANDED], ids=["heads of another", "differentiated", "handed on"]
)
def test_a_kl_that_is_of_heads_or_trains_is_asked_for(left: str, tmp_path: Path) -> None:
    assert not any(vae.core_checked for vae in _report(tmp_path, left).vaes)
