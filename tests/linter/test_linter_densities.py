"""The log density of data under a distribution that is decoded is the reconstruction, whatever its family."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import joined

from vae_checked.facts import Likelihood
from vae_checked.linter import LintReport, lint

TEXT = """\
import torch
import torch.distributions as D
import torch.nn as nn
import torch.nn.functional as F
from library.distributions import ZeroInflatedNegativeBinomial


class Net(nn.Module):
    def __init__(self, width=20):
        super().__init__()
        self.to_m = nn.Linear(784, width)
        self.to_s = nn.Linear(784, width)
        self.back = nn.Linear(width, 784)
        self.more = nn.Linear(width, 784)
        self.theta = nn.Parameter(torch.zeros(784))

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        out, more = self.back(z), self.more(z)
        p = DECODED
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
        return (kl - p.log_prob(GIVEN).sum(-1)).mean()
"""
DECODED = {
    "D.Laplace(out, torch.exp(more))": Likelihood.L1,
    "D.Poisson(torch.exp(out))": Likelihood.POISSON,
    "D.NegativeBinomial(torch.exp(self.theta), logits=out)": Likelihood.DENSITY,
    "ZeroInflatedNegativeBinomial(mu=F.softmax(out, -1), theta=self.theta, zi_logits=more)": Likelihood.DENSITY,
    "D.StudentT(3.0, out, torch.exp(more))": Likelihood.DENSITY,
    "D.Beta(torch.exp(out), torch.exp(more))": Likelihood.DENSITY,
    "D.Multinomial(logits=out)": Likelihood.DENSITY,
    "D.MixtureSameFamily(D.Categorical(logits=more), D.Normal(out, 1.0))": Likelihood.DENSITY,
}


def read(folder: Path, decoded: str, given: str = "x") -> LintReport:
    path = folder / "model.py"
    path.write_text(TEXT.replace("DECODED", decoded).replace("GIVEN", given), encoding="utf-8")
    return lint([path])


@pytest.mark.parametrize("decoded", DECODED)
def test_a_density_of_the_data_is_the_reconstruction(decoded: str, tmp_path: Path) -> None:
    report = read(tmp_path, decoded)
    assert [finding.code for finding in report.findings] == []
    kinds = {facts.recon.kind.value for facts in joined(report) if facts.recon.kind}
    assert kinds == {DECODED[decoded]}


def test_the_axes_of_a_density_of_another_family_are_left_open(tmp_path: Path) -> None:
    report = read(tmp_path, "D.NegativeBinomial(torch.exp(self.theta), logits=out)")
    (facts,) = joined(report)
    assert facts.recon.reduced is None
    (judgement,) = [each for each in report.judgements if "VAE501" in each.undecided]
    assert {"VAE501", "VAE502", "VAE504"} <= judgement.undecided.keys()


@pytest.mark.parametrize("given", ["torch.randn_like(out)", "D.Beta(torch.exp(out), torch.exp(more)).rsample()"])
def test_a_density_of_what_is_drawn_is_no_reconstruction(given: str, tmp_path: Path) -> None:
    report = read(tmp_path, "D.Beta(torch.exp(out), torch.exp(more))", given=given)
    assert joined(report) == []


OF_SOME_STEPS = """\
import torch
import torch.distributions as D
import torch.nn as nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 33)

    def forward(self, x, padded):
        q = D.Normal(self.to_m(x), torch.exp(0.5 * self.to_s(x)))
        found = D.Normal(self.back(q.rsample()), 1.0).log_prob(x)
        told = torch.stack([found[i, padded[i] == 0].sum() for i in range(len(found))])
        kl = D.kl_divergence(q, D.Normal(0.0, 1.0)).sum((1, 2))
        bound = told {sign} kl
        return -bound.mean()


def train(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x, padded in loader:
        loss = net(x, padded)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize(("sign", "expected"), [("-", []), ("+", ["VAE302"])])
def test_the_density_of_some_steps_has_the_sign_of_all(sign: str, expected: list[str], tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(OF_SOME_STEPS.format(sign=sign), encoding="utf-8")
    report = lint([path])
    assert [finding.code for finding in report.findings] == expected
    assert any("VAE302" in judgement.clean for judgement in report.judgements) is not bool(expected)
