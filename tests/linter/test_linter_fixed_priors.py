"""A KL to a Gaussian prior that is given as numbers is a KL, however wide that prior is."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import joined

from vae_checked.facts import Parametrisation
from vae_checked.linter import LintReport, lint

TEXT = """\
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Normal, kl_divergence


class Net(nn.Module):
    def __init__(self, options, width=20):
        super().__init__()
        self.to_m = nn.Linear(784, width)
        self.to_s = nn.Linear(784, width)
        self.back = nn.Linear(width, 784)
        prior = torch.Tensor(1, width).fill_(VARIANCE)
        self.register_buffer("wide", prior)
        self.register_buffer("log_wide", prior.log())

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        v = s.exp()
        z = m + v.sqrt() * torch.randn_like(m)
        kl = TERM
        return F.mse_loss(self.back(z), x, reduction="sum") + kl.sum()
"""
EXACT = (
    "0.5 * (v / self.wide + m * m / self.wide + self.log_wide.expand_as(m) - s - 1)",
    "kl_divergence(Normal(m, v.sqrt()), Normal(torch.zeros_like(m), self.wide.sqrt()))",
    "Normal(m, v.sqrt()).log_prob(z) - Normal(0.0, self.wide.sqrt()).log_prob(z)",
)
OF_NUMBERS = (
    "0.5 * ((v + m.pow(2)) / 0.83 - s - 1)",
    "0.5 * ((v + (m - 0.3) ** 2) / 0.49 + 2 * math.log(0.7) - s - 1)",
    "0.5 * ((v + m.pow(2)) / 0.5 + math.log(0.5) - s - 1)",
    "kl_divergence(Normal(m, v.sqrt()), Normal(torch.zeros_like(m), 0.7 * torch.ones_like(m)))",
)
# Right, with a mean of the prior that the batch tells: what one element has says nothing of it.
OF_THE_BATCH = (
    "0.5 * ((v + (m - m.sum(0) / (len(x) + 0.31)) ** 2) / 0.31 + math.log(0.31) - s - 1)",
    "0.5 * ((v + (m - 0.9 * m.mean(dim=0, keepdim=True)).pow(2)) / 0.31 + math.log(0.31) - s - 1)",
    "0.5 * (v + (m - 0.9 * m.mean(0).repeat(len(x), 1)) ** 2 - s - 1).sum(1)",
    "0.5 * torch.sum((v + m ** 2) / v.mean(0) - s + v.mean(0).log() - 1, dim=1)",
)
WRONG = (
    "0.5 * (v + m.pow(2) - 2 * s - 1)",
    "0.5 * (v.pow(2) + m.pow(2) - s - 1)",
    "0.5 * (v + m.pow(2) - torch.log10(v) - 1)",
    "0.5 * (v + m.pow(2) - torch.log2(v) - 1)",
    "0.5 * (v + m.pow(2) - s / math.log(10) - 1)",
    "0.5 * (v / self.wide + m * m - s + self.log_wide - 1)",
)


def read(folder: Path, term: str, variance: str = "0.995") -> LintReport:
    path = folder / "model.py"
    path.write_text(TEXT.replace("TERM", term).replace("VARIANCE", variance), encoding="utf-8")
    return lint([path])


@pytest.mark.parametrize("variance", ["0.995", "2.0", "options.variance"])
@pytest.mark.parametrize("term", EXACT)
def test_a_prior_with_a_variance_of_its_own_is_a_prior(term: str, variance: str, tmp_path: Path) -> None:
    report = read(tmp_path, term, variance)
    assert [finding.code for finding in report.findings] == []
    (facts,) = joined(report)
    form = facts.kl.form
    assert form is not None
    assert form.value.parametrisation is Parametrisation.LOGVAR


@pytest.mark.parametrize("term", OF_NUMBERS)
def test_a_prior_given_as_numbers_is_a_prior(term: str, tmp_path: Path) -> None:
    report = read(tmp_path, term)
    assert [finding.code for finding in report.findings] == []
    (facts,) = joined(report)
    form = facts.kl.form
    assert form is not None
    assert form.value.parametrisation is Parametrisation.LOGVAR


@pytest.mark.parametrize("term", WRONG)
def test_no_prior_excuses_a_formula_with_a_wrong_factor(term: str, tmp_path: Path) -> None:
    assert [finding.code for finding in read(tmp_path, term).findings] == ["VAE301"]


@pytest.mark.parametrize("term", OF_THE_BATCH)
def test_a_prior_that_the_batch_tells_is_not_read(term: str, tmp_path: Path) -> None:
    report = read(tmp_path, term)
    assert [finding.code for finding in report.findings] == []
    assert any(facts.sampler.std for facts in report.facts)
