"""A loss that compares what a network makes of two pictures says nothing of where the pictures themselves lie."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import joined

from vae_checked.catalogue.coverage import examined
from vae_checked.linter import LintReport, lint

TEXT = """\
import torch
import torch.nn as nn


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(784, 90)
        self.second = nn.Linear(90, 30)

    def features(self, x):
        return torch.relu(self.second(torch.relu(self.first(x))))


class Net(nn.Module):
    def __init__(self, width=20):
        super().__init__()
        self.to_m = nn.Linear(784, width)
        self.to_s = nn.Linear(784, width)
        self.back = nn.Linear(width, 784)
        self.critic = Critic()
        self.other = Critic()

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
        y = torch.tanh(self.back(z))
        return (kl + (LEFT - RIGHT).pow(2).sum(1)).mean()
"""


def read(folder: Path, left: str, right: str) -> LintReport:
    path = folder / "model.py"
    path.write_text(TEXT.replace("LEFT", left).replace("RIGHT", right), encoding="utf-8")
    return lint([path])


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("self.critic.features(y)", "self.critic.features(x)"),
        ("self.critic.features(x)", "self.critic.features(y)"),
        ("self.critic.features(y).abs()", "self.critic.features(x).abs().detach()"),
    ],
)
def test_the_end_of_the_decoder_is_not_that_of_the_critic(left: str, right: str, tmp_path: Path) -> None:
    report = read(tmp_path, left, right)
    (facts,) = joined(report)
    assert facts.output.interval is None
    assert facts.output.activations is None
    assert facts.data.interval is None
    (vae,) = (each for each in examined(report.facts, report.judgements) if each.is_vae)
    assert {"VAE403", "VAE405", "VAE406"} <= set(vae.undecided)


@pytest.mark.parametrize(
    ("left", "right", "low"),
    [
        ("y", "x", -1.0),
        ("self.critic.features(y)", "self.other.features(x)", 0.0),
        ("self.critic.features(y)", "x", 0.0),
    ],
)
def test_what_is_compared_with_the_data_itself_is_the_output(left: str, right: str, low: float, tmp_path: Path) -> None:
    (facts,) = joined(read(tmp_path, left, right))
    assert facts.output.interval is not None
    assert facts.output.interval.value.low == low
