"""A KL that is held at a rate, or that free bits let through where it is large: its sign, and noise that is missing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from bound_losses import codes
from torch import Tensor, nn

from vae_checked.auditor import AuditReport, audit

FEATURES, LATENTS = 13, 4
Held = Callable[[Tensor], Tensor]


class OfRate(nn.Module):
    """The loss has `weigh` of the KL; `drawn` in training, or the mean alone."""

    def __init__(self, weigh: Held, *, drawn: bool = True) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(FEATURES, 2 * LATENTS), nn.Linear(LATENTS, FEATURES)
        self.weigh, self.drawn = weigh, drawn

    def second(self, s: Tensor) -> tuple[Tensor, Tensor]:
        """The std, and the KL's part that follows from it."""
        return torch.exp(0.5 * s), 0.5 * (s.exp() - 1 - s)

    def loss(self, x: Tensor) -> Tensor:
        mu, s = self.encoder(x).chunk(2, 1)
        std, rest = self.second(s)
        z = mu + std * torch.randn_like(mu) if self.drawn else mu
        kl = (0.5 * mu.square() + rest).sum(1).mean()
        return (self.decoder(z) - x).square().sum(1).mean() + self.weigh(kl)


class OfRateWithStd(OfRate):
    """The KL reads a std that softplus makes."""

    def second(self, s: Tensor) -> tuple[Tensor, Tensor]:
        std = F.softplus(s) + 1e-6
        return std, 0.5 * (std.square() - 1) - std.log()


MODELS = [OfRate, OfRateWithStd]
LET_THROUGH: dict[str, Held] = {
    "a rate": lambda kl: 3.0 * (kl - 1.5).abs(),
    "a capacity above what is drawn": lambda kl: 3.0 * (kl - 25.0).abs(),
    "free nats": lambda kl: (kl - 20.0).clamp(min=0),
    "free nats by a maximum": lambda kl: torch.max(kl, torch.tensor(20.0)),
}


def audited(model: nn.Module) -> AuditReport:
    torch.manual_seed(5)
    return audit(model, f"B {FEATURES}", "loss")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("weigh", LET_THROUGH.values(), ids=LET_THROUGH)
def test_noise_that_is_missing_is_seen_beside_any_of_them(model: type[OfRate], weigh: Held) -> None:
    report = audited(model(weigh, drawn=False))
    assert codes(report) == ["VAE207"]
    place = report.findings[0].place
    assert place is not None
    assert "self.decoder(z)" in (place.text or "")


@pytest.mark.parametrize("weigh", LET_THROUGH.values(), ids=LET_THROUGH)
def test_a_large_kl_that_is_minimised_is_checked(weigh: Held) -> None:
    report = audited(OfRate(weigh))
    assert codes(report) == []
    assert "VAE302" in report.judgements[0].clean


@pytest.mark.parametrize("weigh", LET_THROUGH.values(), ids=LET_THROUGH)
def test_a_large_kl_that_is_maximised_is_named(weigh: Held) -> None:
    assert codes(audited(OfRate(lambda kl: -weigh(kl)))) == ["VAE302"]


def test_an_error_in_the_place_of_a_kl_makes_no_vae() -> None:
    class Plain(OfRate):
        def loss(self, x: Tensor) -> Tensor:
            mu, s = self.encoder(x).chunk(2, 1)
            return (self.decoder(mu) - x).square().sum(1).mean() + 0.1 * (F.softplus(s) - mu).square().mean()

    assert codes(audited(Plain(lambda kl: kl))) == []
