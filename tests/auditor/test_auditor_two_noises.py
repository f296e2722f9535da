"""What was called clean without being so: a second noise in z, a class that a classifier's error alone has; and a cut
sample that hands its gradient on by another way, which is no cut.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from bound_losses import codes
from torch import Tensor, nn
from torch.distributions import LowRankMultivariateNormal, kl_divergence

from vae_checked.auditor import AuditReport, audit

FEATURES, LATENTS, CLASSES = 24, 5, 4


def audited(model: nn.Module, inputs: str = f"B {FEATURES}") -> AuditReport:
    torch.manual_seed(3)
    return audit(model, inputs, "loss")


class LowRank(nn.Module):
    """A covariance of two columns and a diagonal; `draw` makes the noise of the columns."""

    def __init__(self, draw: Callable[..., Tensor]) -> None:
        super().__init__()
        self.draw = draw
        self.mean, self.columns, self.diagonal = (nn.Linear(FEATURES, n * LATENTS) for n in (1, 2, 1))
        self.decoder = nn.Linear(LATENTS, FEATURES)

    def loss(self, x: Tensor) -> Tensor:
        mean, columns = self.mean(x), self.columns(x).view(-1, LATENTS, 2)
        diagonal = F.softplus(self.diagonal(x)) + 1e-3
        z = mean + (columns @ self.draw(len(x), 2, 1)).squeeze(-1) + diagonal.sqrt() * torch.randn_like(mean)
        prior = LowRankMultivariateNormal(torch.zeros(LATENTS), torch.zeros(LATENTS, 2), torch.ones(LATENTS))
        kl = kl_divergence(LowRankMultivariateNormal(mean, columns, diagonal), prior)
        return ((self.decoder(z) - x).pow(2).sum(1) + kl).mean()

    def forward(self, x: Tensor) -> Tensor:
        return self.loss(x)


@pytest.mark.parametrize(("draw", "clean"), [(torch.randn, True), (torch.rand, False)])
def test_the_law_of_noise_is_clean_where_every_part_of_it_is(draw: Callable[..., Tensor], clean: bool) -> None:
    report = audited(LowRank(draw))
    assert codes(report) == []
    assert ("VAE202" in report.judgements[0].clean) is clean


class Labelled(nn.Module):
    """A VAE with a classifier beside, whose decoder is given the class, or nothing in its place."""

    def __init__(self, shown: bool) -> None:
        super().__init__()
        self.shown = shown
        self.heads = nn.Linear(FEATURES + CLASSES, 2 * LATENTS)
        self.classifier = nn.Linear(FEATURES, CLASSES)
        self.decoder = nn.Linear(LATENTS + CLASSES, FEATURES)

    def forward(self, x: Tensor, y: Tensor) -> Any:
        given = F.one_hot(y, CLASSES).float()
        mu, logvar = self.heads(torch.cat([x, given], 1)).chunk(2, 1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        beside = given if self.shown else torch.zeros_like(given)
        return self.decoder(torch.cat([z, beside], 1)), mu, logvar, self.classifier(x)

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        x_hat, mu, logvar, scores = self(x, y)
        kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1)
        return ((x_hat - x).pow(2).sum(1) + kl).mean() + F.cross_entropy(scores, y)


@pytest.mark.parametrize("shown", [True, False])
def test_a_class_that_the_loss_alone_has_is_not_seen_in_the_decoder(shown: bool) -> None:
    report = audited(Labelled(shown), f"x: B {FEATURES}, y: int<{CLASSES}> B")
    assert codes(report) == []
    assert ("VAE801" in report.judgements[0].clean) is shown


class TakenOut(nn.Module):
    """eps is taken out of a sample that has no gradient; z is made of it anew, or is the sample itself."""

    def __init__(self, anew: bool) -> None:
        super().__init__()
        self.anew = anew
        self.heads, self.decoder = nn.Linear(FEATURES, 2 * LATENTS), nn.Linear(LATENTS, FEATURES)

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.heads(x).chunk(2, 1)
        std = torch.exp(0.5 * logvar)
        sample = torch.normal(mu, std).detach()
        z = mu + std * ((sample - mu) / std).detach() if self.anew else sample
        return self.decoder(z), mu, logvar

    def loss(self, x: Tensor) -> Tensor:
        x_hat, mu, logvar = self(x)
        kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1)
        return ((x_hat - x).pow(2).sum(1) + kl).mean()


@pytest.mark.parametrize(("anew", "found"), [(True, []), (False, ["VAE206"])])
def test_a_sample_that_is_cut_is_one_where_no_gradient_goes_around(anew: bool, found: list[str]) -> None:
    assert codes(audited(TakenOut(anew))) == found


class Twice(nn.Module):
    """Draws two samples; `joined` makes of them what is decoded."""

    def __init__(self, joined: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.joined = joined
        self.heads, self.decoder = nn.Linear(FEATURES, 2 * LATENTS), nn.Linear(LATENTS, FEATURES)

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.heads(x).chunk(2, 1)
        one, other = (mu + torch.exp(0.5 * logvar) * torch.randn_like(mu) for _ in range(2))
        return self.decoder(self.joined(one, other)), mu, logvar

    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        error = (x_hat - x.repeat(len(x_hat) // len(x), 1)).pow(2).sum(1).mean()
        return error - 0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()


JOINED: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], bool]] = {
    "the first": (lambda one, other: one, True),
    "one below the other": (lambda one, other: torch.cat([one, other]), True),
    "their mean": (lambda one, other: 0.5 * (one + other), False),
    "the mean of both stacked": (lambda one, other: torch.stack([one, other]).mean(0), False),
    "between the two": (lambda one, other: torch.lerp(one, other, 0.3), False),
}


@pytest.mark.parametrize("name", JOINED)
def test_the_law_of_two_samples_that_are_averaged_is_not_clean(name: str) -> None:
    joined, clean = JOINED[name]
    report = audited(Twice(joined))
    assert codes(report) == []
    assert ("VAE202" in report.judgements[0].clean) is clean
