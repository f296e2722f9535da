"""A KL that a sample estimates, to a prior that somebody chose: none is called a wrong KL to N(0, I)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch import distributions as D

from vae_checked.auditor import AuditReport, audit

FEATURES, LATENTS = 14, 3


class Model(nn.Module):
    """A VAE on rows that draws `samples` of z for each, in one more axis where they are several."""

    def __init__(self, samples: int = 1) -> None:
        super().__init__()
        self.samples = samples
        self.encoder, self.decoder = nn.Linear(FEATURES, 2 * LATENTS), nn.Linear(LATENTS, FEATURES)

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encoder(x).unsqueeze(1).chunk(2, -1)
        z = self.draw(mu, logvar)
        return self.decoder(z), mu, logvar, z

    def draw(self, mu: Tensor, logvar: Tensor) -> Tensor:
        """z around mu."""
        return mu + torch.exp(0.5 * logvar) * torch.randn(len(mu), self.samples, LATENTS)


def audited(model: Model, log_p: Callable[[Tensor], Tensor]) -> AuditReport:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
        log_q = -0.5 * (math.log(2 * math.pi) + logvar + (z - mu).pow(2) / logvar.exp())
        return (x_hat - x.unsqueeze(1)).pow(2).sum(2).mean() + (log_q.sum(2) - log_p(z).sum(2)).mean()

    torch.manual_seed(3)
    return audit(model, f"B {FEATURES}", loss)


PRIORS: dict[str, Callable[[Tensor], Tensor]] = {
    "Laplace": lambda z: D.Laplace(torch.zeros(()), torch.ones(())).log_prob(z),
    "Student": lambda z: D.StudentT(torch.tensor(3.0)).log_prob(z),
    "logistic": lambda z: -z - 2.0 * nn.functional.softplus(-z),
    "mixture": lambda z: torch.logaddexp(-0.5 * (z - 1.5).pow(2), -0.5 * (z + 1.5).pow(2)),
}


@pytest.mark.parametrize("samples", [1, 5])
@pytest.mark.parametrize("name", PRIORS)
def test_a_prior_that_is_not_normal_is_no_wrong_kl(name: str, samples: int) -> None:
    report = audited(Model(samples), PRIORS[name])
    assert [finding.code for finding in report.findings] == []
    assert "a prior that was chosen and is not normal" in report.facts[0].unobserved["kl.form"]


@pytest.mark.parametrize(
    "log_p",
    [
        lambda z: 0.5 * z.pow(2),  # the sign: z is driven away from 0
        lambda z: z.abs(),  # of no density: it grows with z
        lambda z: -z.pow(2),  # the half
    ],
)
def test_what_is_no_density_or_lost_its_half_stays_a_wrong_kl(log_p: Callable[[Tensor], Tensor]) -> None:
    assert "VAE301" in [finding.code for finding in audited(Model(), log_p).findings]


def test_a_posterior_of_another_law_has_a_kl_of_its_own() -> None:
    class OfLaplace(Model):
        def draw(self, mu: Tensor, logvar: Tensor) -> Tensor:
            drawn: Tensor = D.Laplace(mu, logvar.exp()).rsample()
            return drawn

    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        q, p = D.Laplace(mu, logvar.exp()), D.Laplace(torch.zeros_like(mu), torch.ones_like(mu))
        return (x_hat - x.unsqueeze(1)).pow(2).sum(2).mean() + D.kl_divergence(q, p).sum(2).mean()

    torch.manual_seed(3)
    report = audit(OfLaplace(), f"B {FEATURES}", loss)
    assert [finding.code for finding in report.findings] == []
    assert "may not be Gaussian" in report.judgements[0].undecided["VAE301"].reason


@pytest.mark.parametrize("variance", [0.9, 0.25, 4.0])
def test_a_normal_prior_of_another_variance_is_said(variance: float) -> None:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
        kl = 0.5 * (logvar.exp() / variance + mu.pow(2) / variance - 1 - logvar + math.log(variance))
        return (x_hat - x.unsqueeze(1)).pow(2).sum(2).mean() + kl.sum(2).mean()

    report = audit(Model(), f"B {FEATURES}", loss)
    assert report.findings == ()
    assert f"it is the KL to N(0, {variance:.3g}), a prior that was chosen" in report.facts[0].unobserved["kl.form"]
