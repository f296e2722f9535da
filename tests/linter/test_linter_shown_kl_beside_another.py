"""A closed form that is shown beside an estimate that is minimised: nothing is clean, nor unused, by what is shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

from vae_checked.linter import LintReport

NET = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Flow(nn.Module):
    def __init__(self):
        super().__init__()
        self.bend = nn.Linear(7, 7)

    def forward(self, z):
        grown = torch.tanh(self.bend(z))
        return z * grown.exp(), grown.sum(dim=1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(91, 33), nn.ReLU())
        self.to_m, self.to_s, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 91)
        self.flow = Flow()

    def forward(self, x):
        h = self.trunk(x)
        m, s = self.to_m(h), self.to_s(h)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        last, grown = self.flow(z)
        return self.back(last), m, s, z, last, grown

"""
LOSS = """
def flow_loss(error, m, s, z, last, grown, beta):
    {shown}
    std = (0.5 * s).exp()
    kl = {minimised}
    loss = error + beta * kl
    return {given}
"""
TRAIN = """

def train(loader, beta):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        y, m, s, z, last, grown = net(x)
        error = F.mse_loss(y, x, reduction="none").sum(dim=1).mean()
        loss = flow_loss(error, m, s, z, last, grown, beta){first}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
CLOSED = "(-0.5 * (1 + s - m.pow(2) - s.exp())).sum(dim=1).mean()"
RIGHT = "(-0.5 * (s + ((z - m) / (std + 1e-8)).pow(2)) + 0.5 * last.pow(2)).sum(dim=1).mean() - grown.mean()"
OPPOSED = RIGHT.replace("+ 0.5 * last", "- 0.5 * last")
TWICE = "(0.5 * (m.pow(2) + 3 * s.exp() - s)).sum(dim=1).mean()"
# How the closed form is shown, and what the loss function returns.
SHOWN = {
    "detached": (f"shown = {CLOSED}.detach()", "loss, shown"),
    "a number": (f"shown = {CLOSED}.item()", "loss, shown"),
    "without gradients": (f"with torch.no_grad():\n        shown = {CLOSED}", "loss, shown"),
    "handed on": (f"shown = {CLOSED}", "loss, shown"),
    "printed": (f"shown = {CLOSED}\n    print(shown.item())", "loss, s.mean()"),
}


def program(how: str, minimised: str, *, trained: bool) -> str:
    shown, given = SHOWN[how]
    text = NET + LOSS.format(shown=shown, minimised=minimised, given=given)
    return text + TRAIN.format(first="[0]") if trained else text


def clean(report: LintReport) -> set[str]:
    """The codes of the KL that some subject is called clean of."""
    return {code for each in report.judgements for code in each.clean if code in ("VAE301", "VAE305", "VAE306")}


@pytest.mark.parametrize("trained", [True, False], ids=["with its training", "alone"])
@pytest.mark.parametrize("minimised", [RIGHT, OPPOSED], ids=["right", "opposed"])
@pytest.mark.parametrize("how", SHOWN)
def test_what_is_shown_settles_nothing(how: str, minimised: str, trained: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"a.py": program(how, minimised, trained=trained)})
    assert codes(report) == []
    assert clean(report) == set()


def test_the_line_says_what_is_minimised(tmp_path: Path) -> None:
    report = linted(tmp_path, {"a.py": program("detached", OPPOSED, trained=False)})
    reasons = [each.undecided["VAE301"].reason for each in report.judgements]
    assert any("only shown" in each and "beta * kl" in each for each in reasons)


@pytest.mark.parametrize("trained", [True, False], ids=["with its training", "alone"])
def test_a_wrong_formula_beside_what_is_shown_is_named(trained: bool, tmp_path: Path) -> None:
    assert "VAE301" in codes(linted(tmp_path, {"a.py": program("detached", TWICE, trained=trained)}))


@pytest.mark.parametrize("trained", [True, False], ids=["with its training", "alone"])
def test_the_same_form_twice_is_clean(trained: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"a.py": program("detached", CLOSED, trained=trained)})
    assert codes(report) == []
    assert {"VAE301", "VAE306"} <= clean(report)


def test_a_kl_that_is_shown_beside_the_mean_alone_is_unused(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"a.py": program("detached", "m.pow(2).sum(dim=1).mean()", trained=True)})) == [
        "VAE305"
    ]


def test_the_density_at_a_draw_is_no_reconstruction(tmp_path: Path) -> None:
    shown, given = SHOWN["detached"]
    text = LOSS.format(shown=shown, minimised=OPPOSED, given=given)
    for short, long in (("s", "logvar"), ("m", "mu")):
        text = re.sub(rf"\b{short}\b", long, text)
    report = linted(tmp_path, {"a.py": f"import torch\n{text}"})
    assert [each.kl.form is not None for each in report.facts] == [True]
    assert report.facts[0].recon.kind is None
