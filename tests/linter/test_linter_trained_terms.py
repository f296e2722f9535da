"""A script that trains and tests one model is judged by what it trains, whatever else it computes of the same heads."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import LintReport, lint

SCRIPT = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(91, 33)
        self.to_m = nn.Linear(33, 7)
        self.to_s = nn.Linear(33, 7)
        self.back = nn.Sequential(nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 91), nn.Sigmoid())

    def forward(self, x):
        h = torch.relu(self.trunk(x))
        m, s = self.to_m(h), self.to_s(h)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return self.back(z), m, s, z


def kl_of(m, s):
    return -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())


net = Net()
optimizer = torch.optim.Adam(net.parameters())
loader = torch.utils.data.DataLoader(examples, batch_size=24)


def train():
    net.train()
    for x, _ in loader:
        out, m, s, z = net(x)
        loss = F.binary_cross_entropy(out, x, reduction="sum") + kl_of(m, s)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def test():
    net.eval()
    for x, _ in loader:
        out, m, s, z = net(x)
        lost = F.binary_cross_entropy(out, x, reduction="sum") + kl_of(m, s)
        print(lost.item())


for epoch in range(5):
    train()
    test()
    shown = net.back(torch.randn(5, 7))
"""
TRAINED = 'loss = F.binary_cross_entropy(out, x, reduction="sum") + kl_of(m, s)'
TESTED = TRAINED.replace("loss =", "lost =")


def read(folder: Path, *changes: tuple[str, str]) -> LintReport:
    text = SCRIPT
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    (folder / "script.py").write_text(text)
    return lint([folder])


def codes(report: LintReport) -> list[str]:
    return sorted({finding.code for finding in report.findings})


def test_a_right_script_is_clean(tmp_path: Path) -> None:
    assert codes(read(tmp_path)) == []


@pytest.mark.parametrize(
    ("kl", "expected"),
    [
        ("kl_of(s, m)", "VAE205"),
        ("-0.5 * torch.sum(1 + 2 * s - m.pow(2) - torch.exp(2 * s))", "VAE201"),
    ],
)
def test_what_is_tested_hides_no_kl_of_the_training(kl: str, expected: str, tmp_path: Path) -> None:
    report = read(tmp_path, (TRAINED, TRAINED.replace("kl_of(m, s)", kl)))
    assert codes(report) == [expected]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.back(z), m, s, z", "self.back(m), m, s, z"),
        ("z = m + torch.exp(0.5 * s) * torch.randn_like(s)", "z = m"),
        ("torch.randn_like(s)", "torch.zeros_like(s)"),
    ],
)
def test_a_mean_is_decoded_whatever_else_is_drawn(old: str, new: str, tmp_path: Path) -> None:
    report = read(tmp_path, (old, new))
    assert codes(report) == ["VAE207"]


def test_a_whole_model_under_no_grad_is_another_one_where_it_is_tested(tmp_path: Path) -> None:
    detached = TRAINED.replace("kl_of(m, s)", "kl_of(m, s).detach()")
    block = f"with torch.no_grad():\n            out, m, s, z = net(x)\n            {TESTED}"
    tested = f"out, m, s, z = net(x)\n        {TESTED}"
    assert codes(read(tmp_path, (TRAINED, detached), (tested, block))) == ["VAE305"]


def test_a_mean_that_is_decoded_to_test_is_no_mistake(tmp_path: Path) -> None:
    decoded = TESTED.replace("lost =", "out = net.back(m)\n        lost =")
    assert codes(read(tmp_path, (TESTED, decoded))) == []


HANDED_BACK = """\
def terms(out, x, m, s):
    recon = F.binary_cross_entropy(out, x, reduction="sum")
    kl = kl_of(m, s)
    return recon, kl
"""
LEFT_OUT = {
    "named and dropped": ("recon, kl = terms(out, x, m, s)\n        loss = recon", ["VAE305"]),
    "a name for nothing": ("loss, _ = terms(out, x, m, s)", ["VAE305"]),
    "shown": ('loss, kl = terms(out, x, m, s)\n        print(f"{loss} {kl}")', ["VAE305"]),
    "added up to be shown": (
        "loss, kl = terms(out, x, m, s)\n        shown = torch.mean(kl.detach())\n        print(shown)",
        ["VAE305"],
    ),
    "added": ("recon, kl = terms(out, x, m, s)\n        loss = recon + kl", []),
    "differentiated apart": ("loss, kl = terms(out, x, m, s)\n        kl.backward(retain_graph=True)", []),
    "given to what is not read": ("loss, kl = terms(out, x, m, s)\n        trainer.take(kl)", []),
    "computed with by what is not read": ("loss, kl = terms(out, x, m, s)\n        kept = trainer.take(kl)", []),
    "kept": ("loss, kl = terms(out, x, m, s)\n        trainer.kl = kl", []),
    "returned": ("loss, kl = terms(out, x, m, s)\n        return kl", []),
}


@pytest.mark.parametrize(("step", "expected"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_a_kl_that_is_handed_back_and_left_out(step: str, expected: list[str], tmp_path: Path) -> None:
    alone = SCRIPT.partition("for epoch in")[0].replace("net = Net()", f"{HANDED_BACK}\n\nnet = Net()")
    before, _, after = alone.replace(f"        {TESTED}\n", "        lost = x\n").partition(TRAINED)
    (tmp_path / "script.py").write_text(before + step + after)
    assert codes(lint([tmp_path])) == expected
