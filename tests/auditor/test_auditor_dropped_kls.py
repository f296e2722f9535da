"""The KL of one of two latents: computed and dropped is a mistake, left out or watched may be a design."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from bound_losses import codes
from torch import Tensor, nn

from vae_checked.auditor import AuditReport, audit

STEPS, FEATURES = 9, 8


def kl_of(mu: Tensor, logvar: Tensor) -> Tensor:
    return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())


class Sequences(nn.Module):
    """One latent of the whole sequence, and one for each step."""

    def __init__(self) -> None:
        super().__init__()
        self.whole, self.steps = nn.Linear(STEPS * FEATURES, 6), nn.Linear(FEATURES, 4)
        self.decoder = nn.Linear(5, FEATURES)

    def forward(self, x: Tensor) -> Any:
        heads = [*self.whole(x.flatten(1)).chunk(2, -1), *self.steps(x).chunk(2, -1)]
        s, d = (mu + torch.exp(0.5 * logvar) * torch.randn_like(mu) for mu, logvar in (heads[:2], heads[2:]))
        return self.decoder(torch.cat([d, s[:, None].expand(-1, STEPS, -1)], -1)), heads

    def terms(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x_hat, heads = self(x)
        return F.mse_loss(x_hat, x, reduction="sum"), kl_of(*heads[:2]), kl_of(*heads[2:])

    def loss(self, x: Tensor) -> Any:
        error, whole, steps = self.terms(x)
        return (error + whole + steps) / len(x)


class Dropped(Sequences):
    def loss(self, x: Tensor) -> Any:
        error, whole, _ = self.terms(x)
        return (error + whole) / len(x)


class LeftOut(Sequences):
    """No KL of the steps is computed: they may be meant to have none."""

    def loss(self, x: Tensor) -> Any:
        x_hat, heads = self(x)
        return (F.mse_loss(x_hat, x, reduction="sum") + kl_of(*heads[:2])) / len(x)


class Returned(Sequences):
    def loss(self, x: Tensor) -> Any:
        error, whole, steps = self.terms(x)
        return {"loss": (error + whole) / len(x), "watched": steps}


class Read(Sequences):
    def loss(self, x: Tensor) -> Any:
        error, whole, steps = self.terms(x)
        self.watched = steps.item()
        return (error + whole) / len(x)


class Kept(Sequences):
    def loss(self, x: Tensor) -> Any:
        error, whole, steps = self.terms(x)
        self.watched = steps.detach()
        return (error + whole) / len(x)


def audited(model: type[Sequences]) -> AuditReport:
    torch.manual_seed(3)
    return audit(model(), f"B {STEPS} {FEATURES}", "loss")


def test_a_kl_that_is_computed_and_dropped_is_named_where_it_is_written() -> None:
    report = audited(Dropped)
    assert codes(report) == ["VAE305"]
    place = report.findings[0].place
    assert place is not None
    assert "torch.sum(1 + logvar" in Path(place.path).read_text().splitlines()[place.line - 1]


@pytest.mark.parametrize("model", [Sequences, LeftOut, Returned, Read, Kept])
def test_a_kl_that_is_none_or_watched_is_no_dropped_one(model: type[Sequences]) -> None:
    report = audited(model)
    assert codes(report) == []
    assert len(report.judgements) == 2
