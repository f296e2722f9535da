"""A KL that is estimated by the draw itself: the density in it has to be the one that the draw came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import LintReport, lint

TEXT = """\
import torch
import torch.nn as nn


def log_posterior(z, m, s, width):
    return DENSITY


def log_prior(z):
    return -0.5 * z ** 2


class Net(nn.Module):
    def __init__(self, width=20):
        super().__init__()
        self.to_m = nn.Linear(784, width)
        self.to_s = nn.Linear(784, width)
        self.back = nn.Linear(width, 784)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        width = WIDTH
        z = m + width * torch.randn_like(m)
        divergence = (log_posterior(z, m, s, width) - log_prior(z)).sum(dim=-1).mean()
        return ((self.back(z) - x) ** 2).sum(-1).mean() + divergence
"""
RIGHT = {
    "torch.exp(s)": "-0.5 * ((z - m) / width) ** 2 - torch.log(width)",
    "torch.exp(0.5 * s)": "-0.5 * (z - m) ** 2 / s.exp() - 0.5 * s",
    "s.exp()": "-0.5 * ((z - m) / width).pow(2) - s",
    "s.exp() ": "0.3 * (-0.5 * ((z - m) / width).pow(2) - s)",
}
MIXED = {
    "torch.exp(s)": "torch.div(-0.5 * (z - m) ** 2, width) - torch.log(width)",
    "torch.exp(0.5 * s)": "-0.5 * (z - m) ** 2 / s.exp() ** 2 - 0.5 * s",
    "s.exp()": "-0.5 * (z - m) ** 2 / s.exp() - s",
}
OTHER_HEAD = {
    "torch.exp(s)": "-0.5 * (z - m) ** 2 / s.exp() - 0.5 * s",
    "torch.exp(0.5 * s)": "-0.5 * ((z - m) / s.exp()) ** 2 - s",
    "s.exp()": "-0.5 * ((z - m) / width) ** 2 - 0.5 * s",
}


def read(folder: Path, width: str, density: str) -> LintReport:
    path = folder / "model.py"
    path.write_text(TEXT.replace("WIDTH", width).replace("DENSITY", density), encoding="utf-8")
    return lint([path])


def codes(report: LintReport) -> list[str]:
    return sorted(finding.code for finding in report.findings)


@pytest.mark.parametrize("width", MIXED)
def test_a_square_and_a_logarithm_of_different_widths_are_no_density(width: str, tmp_path: Path) -> None:
    report = read(tmp_path, width, MIXED[width])
    assert codes(report) == ["VAE301"]


@pytest.mark.parametrize("width", OTHER_HEAD)
def test_a_density_that_reads_its_head_otherwise_than_the_draw(width: str, tmp_path: Path) -> None:
    report = read(tmp_path, width, OTHER_HEAD[width])
    assert codes(report) == ["VAE201"]


@pytest.mark.parametrize("width", RIGHT)
def test_the_density_of_the_draw_is_not_accused(width: str, tmp_path: Path) -> None:
    report = read(tmp_path, width, RIGHT[width])
    assert codes(report) == []
