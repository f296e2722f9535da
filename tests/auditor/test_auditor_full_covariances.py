"""Posteriors with a full covariance: their KL is known by the covariance that z is drawn with."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.distributions as td
import torch.nn.functional as F
from bound_losses import codes
from torch import Tensor, nn

from vae_checked.auditor import AuditReport, audit

FEATURES, LATENTS = 14, 4
Combine = Callable[[Tensor, Tensor], Tensor]


def added(recon: Tensor, kl: Tensor) -> Tensor:
    return (recon + kl).mean()


class ByHand(nn.Module):
    """A triangle with a positive diagonal, of which the KL takes the logarithm."""

    scale = 1.0

    def __init__(self, combine: Combine = added) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(FEATURES, 20), nn.ReLU())
        self.mu, self.entries = nn.Linear(20, LATENTS), nn.Linear(20, LATENTS * LATENTS)
        self.decoder = nn.Sequential(nn.Linear(LATENTS, 20), nn.ReLU(), nn.Linear(20, FEATURES))
        self.combine = combine

    def drawn(self, mu: Tensor, low: Tensor, diagonal: Tensor) -> tuple[Tensor, Tensor]:
        z = mu + self.scale * torch.einsum("bij,bj->bi", low, torch.randn_like(mu))
        kl = 0.5 * (low.square().sum((1, 2)) + mu.square().sum(1) - LATENTS) - diagonal.log().sum(1)
        return z, kl

    def loss(self, x: Tensor) -> Tensor:
        h = self.trunk(x)
        mu, raw = self.mu(h), self.entries(h).view(-1, LATENTS, LATENTS)
        diagonal = F.softplus(raw.diagonal(dim1=1, dim2=2)) + 1e-4
        z, kl = self.drawn(mu, raw.tril(-1) + torch.diag_embed(diagonal), diagonal)
        return self.combine((self.decoder(z) - x).square().sum(1), kl)


class OfTorch(ByHand):
    reverse = False

    def drawn(self, mu: Tensor, low: Tensor, diagonal: Tensor) -> tuple[Tensor, Tensor]:
        posterior = td.MultivariateNormal(mu, scale_tril=low)
        prior = td.MultivariateNormal(torch.zeros(LATENTS), torch.eye(LATENTS))
        pair = (prior, posterior) if self.reverse else (posterior, prior)
        return posterior.rsample(), td.kl_divergence(*pair)


class Reversed(OfTorch):
    reverse = True


class DrawnNarrower(ByHand):
    scale = 0.5


class LostHalf(ByHand):
    def drawn(self, mu: Tensor, low: Tensor, diagonal: Tensor) -> tuple[Tensor, Tensor]:
        z, kl = super().drawn(mu, low, diagonal)
        return z, kl - 0.5 * low.square().sum((1, 2))


def audited(model: nn.Module) -> AuditReport:
    torch.manual_seed(4)
    return audit(model, f"B {FEATURES}", "loss")


@pytest.mark.parametrize("model", [ByHand, OfTorch])
def test_the_kl_of_a_full_covariance_is_checked(model: type[ByHand]) -> None:
    report = audited(model())
    assert codes(report) == []
    assert {"VAE201", "VAE301", "VAE302", "VAE304", "VAE306", "VAE504"} <= set(report.judgements[0].clean)


@pytest.mark.parametrize("model", [ByHand, OfTorch])
@pytest.mark.parametrize(
    ("combine", "code"),
    [
        (lambda recon, kl: (recon - kl).mean(), "VAE302"),
        (lambda recon, kl: recon.mean() + kl.sum(), "VAE504"),
    ],
)
def test_what_the_loss_makes_of_it_is_judged(model: type[ByHand], combine: Combine, code: str) -> None:
    report = audited(model(combine))
    assert codes(report) == [code]
    assert "logvar" not in report.findings[0].fix


def test_that_of_the_prior_to_the_posterior_is_named() -> None:
    assert codes(audited(Reversed())) == ["VAE306"]


@pytest.mark.parametrize("model", [DrawnNarrower, LostHalf])
def test_the_kl_of_another_covariance_than_the_drawn_one_is_open(model: type[ByHand]) -> None:
    judged = audited(model()).judgements[0]
    assert not {"VAE201", "VAE301", "VAE304"} & set(judged.clean)
