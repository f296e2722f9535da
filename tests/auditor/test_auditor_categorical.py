"""Categorical posteriors: the KL to the uniform prior, told from an entropy, its sign and its reductions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch import distributions as D

from vae_checked.auditor import AuditReport, audit
from vae_checked.facts import Family, Reduction

FEATURES, CLASSES, GROUPS = 24, 5, 3
Term = Callable[[Tensor], Tensor]


class Discrete(nn.Module):
    def __init__(self, term: Term) -> None:
        super().__init__()
        self.term = term
        self.encoder, self.decoder = nn.Linear(FEATURES, GROUPS * CLASSES), nn.Linear(GROUPS * CLASSES, FEATURES)

    def forward(self, x: Tensor) -> Any:
        logits = self.encoder(x).view(-1, GROUPS, CLASSES)
        z = F.gumbel_softmax(logits, tau=0.7)
        return self.decoder(z.flatten(1)), logits

    def loss(self, x_hat: Tensor, x: Tensor, logits: Tensor) -> Tensor:
        return (x_hat - x).square().sum(1).mean() + self.term(logits)


def reported(term: Term) -> AuditReport:
    torch.manual_seed(6)
    return audit(Discrete(term), f"B {FEATURES}", "loss")


def kl(logits: Tensor) -> Tensor:
    q = logits.softmax(-1)
    return (q * (q.log() - math.log(1 / CLASSES))).sum(-1)


RIGHT: dict[str, Term] = {
    "of probabilities": lambda s: kl(s).sum(1).mean(),
    "of log_softmax": lambda s: (s.softmax(-1) * (s.log_softmax(-1) + math.log(CLASSES))).sum((1, 2)).mean(),
    "with a small number": lambda s: (s.softmax(-1) * torch.log(s.softmax(-1) * CLASSES + 1e-10)).sum((1, 2)).mean(),
    "of distributions": lambda s: (
        D.kl_divergence(D.Categorical(logits=s), D.Categorical(torch.ones(CLASSES))).sum(1).mean()
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_the_kl_of_a_categorical_posterior_is_known(name: str) -> None:
    report = reported(RIGHT[name])
    (facts,) = report.facts
    assert [finding.code for finding in report.findings] == []
    assert facts.kl.form is not None
    assert facts.kl.form.value.family is Family.CATEGORICAL
    assert facts.kl.reduced is not None
    assert (facts.kl.reduced.value.batch, facts.kl.reduced.value.event) == (Reduction.MEAN, Reduction.SUM)
    assert {"VAE301", "VAE302", "VAE304", "VAE305", "VAE504"} <= {c for each in report.examined for c in each.clean}


WRONG: dict[str, tuple[Term, str]] = {
    "subtracted": (lambda s: -kl(s).sum(1).mean(), "VAE302"),
    "summed over the batch": (lambda s: kl(s).sum(), "VAE504"),
    "averaged over the variables": (lambda s: kl(s).mean(), "VAE503"),
    "1 / K": (lambda s: (s.softmax(-1) * (s.log_softmax(-1) - 1 / CLASSES)).sum((1, 2)).mean(), "VAE301"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_in_the_kl_of_a_categorical_posterior_is_named(name: str) -> None:
    term, code = WRONG[name]
    report = reported(term)
    assert [finding.code for finding in report.findings] == [code]
    assert "logvar" not in report.findings[0].fix


OTHERS: dict[str, Term] = {
    "an entropy that is made small": lambda s: -(s.softmax(-1) * s.log_softmax(-1)).sum((1, 2)).mean(),
    "an entropy that is made large": lambda s: (s.softmax(-1) * s.log_softmax(-1)).sum((1, 2)).mean(),
    "a cross entropy": lambda s: F.cross_entropy(s.flatten(0, 1), torch.zeros(len(s) * GROUPS, dtype=torch.long)),
    "nothing": lambda s: 0.0 * s.sum(),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_kl_of_a_categorical_posterior_is_undecided(name: str) -> None:
    report = reported(OTHERS[name])
    assert [finding.code for finding in report.findings] == []
    assert not {"VAE301", "VAE302"} & {code for each in report.examined for code in each.clean}
