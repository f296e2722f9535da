"""How probable the bin around a pixel is, as a difference of a distribution's function, is a reconstruction."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import joined

from vae_checked.facts import Likelihood
from vae_checked.linter import LintReport, lint

TEXT = """\
import math

import torch
import torch.nn as nn


def rises(t):
    return 0.5 * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (t + 0.044715 * torch.pow(t, 3))))


class Net(nn.Module):
    def __init__(self, width=20):
        super().__init__()
        self.to_m = nn.Linear(784, width)
        self.to_s = nn.Linear(784, width)
        self.back = nn.Linear(width, 784)
        self.more = nn.Linear(width, 784)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
        mean, narrow = self.back(z), torch.exp(-self.more(z))
        log_probs = LIKELIHOOD
        return (kl - log_probs.sum(-1)).mean()
"""
BINS = {
    "logistic": "torch.log((torch.sigmoid(narrow * (x - mean + 0.004)) - torch.sigmoid(narrow * (x - mean - 0.004)))"
    ".clamp(min=1e-12))",
    "mean first": "torch.log(torch.sigmoid((mean - x + 0.002) * narrow) - torch.sigmoid((mean - x - 0.002) * narrow)"
    " + 1e-9)",
    "by tanh": "torch.log((rises(narrow * (x - mean + 0.004)) - rises(narrow * (x - mean - 0.004))).clamp(min=1e-9))",
    "at the ends": "torch.where(x < -0.999, torch.log(torch.sigmoid(narrow * (x - mean + 0.004)).clamp(min=1e-12)), "
    "torch.log((torch.sigmoid(narrow * (x - mean + 0.004)) - torch.sigmoid(narrow * (x - mean - 0.004)))"
    ".clamp(min=1e-12)))",
}
NO_BINS = {
    "one side": "torch.log(torch.sigmoid(x - mean).clamp(min=1e-9))",
    "of two layers": "torch.log((torch.sigmoid(mean) - torch.sigmoid(self.more(z))).clamp(min=1e-9))",
    "turned round": "torch.log(torch.sigmoid(x - mean) - torch.sigmoid(mean - x) + 2.0)",
}


def read(folder: Path, likelihood: str) -> LintReport:
    path = folder / "model.py"
    path.write_text(TEXT.replace("LIKELIHOOD", likelihood), encoding="utf-8")
    return lint([path])


def kinds(report: LintReport) -> list[Likelihood]:
    return [facts.recon.kind.value for facts in report.facts if facts.recon.kind]


@pytest.mark.parametrize("name", BINS)
def test_the_mass_of_a_bin_is_the_likelihood_of_a_pixel(name: str, tmp_path: Path) -> None:
    report = read(tmp_path, BINS[name])
    assert [finding.code for finding in report.findings] == []
    assert kinds(report) == [Likelihood.DENSITY]
    assert len(joined(report)) == 1


@pytest.mark.parametrize("name", [name for name in BINS if "where" not in BINS[name]])
def test_the_likelihood_of_a_bin_falls_as_the_error_grows(name: str, tmp_path: Path) -> None:
    (facts,) = joined(read(tmp_path, BINS[name]))
    assert facts.kl.sign is not None
    assert facts.kl.sign.value == 1


@pytest.mark.parametrize("name", NO_BINS)
def test_other_logarithms_of_two_values_are_no_bins(name: str, tmp_path: Path) -> None:
    assert kinds(read(tmp_path, NO_BINS[name])) == []


def test_the_mass_of_a_bin_that_is_minimised_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    text = TEXT.replace("LIKELIHOOD", BINS["logistic"]).replace("kl - log_probs", "kl + log_probs")
    path.write_text(text, encoding="utf-8")
    assert {finding.code for finding in lint([path]).findings} & {"VAE302", "VAE505"}
