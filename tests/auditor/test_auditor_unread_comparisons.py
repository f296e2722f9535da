"""Losses that run the model and compare what is decoded in a way of their own: mixed samples, and a KL left out."""

from __future__ import annotations

import inspect

import pytest
import torch
from bound_losses import codes
from torch import Tensor, nn

from vae_checked.auditor import AuditReport, audit

POINTS, LATENTS = 7, 4


class Cloud(nn.Module):
    """A set of points, held against the data by the nearest of each."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(3, 20), nn.ReLU(), nn.Linear(20, 20))
        self.mu, self.logvar = nn.Linear(20, LATENTS), nn.Linear(20, LATENTS)
        self.decoder = nn.Sequential(nn.Linear(LATENTS, 30), nn.ReLU(), nn.Linear(30, 3 * POINTS))

    def points(self, flat: Tensor) -> Tensor:
        return flat.view(-1, POINTS, 3)

    def total(self, apart: Tensor, kl: Tensor, z: Tensor) -> Tensor:
        return apart + 0.01 * kl

    def loss(self, x: Tensor) -> Tensor:
        h = self.encoder(x).amax(1)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        apart = torch.cdist(x, self.points(self.decoder(z)))
        nearest = (apart.amin(1).mean(1) + apart.amin(2).mean(1)).mean()
        return self.total(nearest, -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(1).mean(), z)


class Mixed(Cloud):
    def points(self, flat: Tensor) -> Tensor:
        return flat.view(POINTS, -1, 3).transpose(0, 1)


class LeftOut(Cloud):
    def total(self, apart: Tensor, kl: Tensor, z: Tensor) -> Tensor:
        return apart


class Judged(Cloud):
    """Latents of other samples, in a drawn order, are judged beside: no sample is mixed into another by that."""

    def __init__(self) -> None:
        super().__init__()
        self.judge = nn.Linear(LATENTS, 2)

    def total(self, apart: Tensor, kl: Tensor, z: Tensor) -> Tensor:
        others = torch.stack([column[torch.randperm(len(z))] for column in z.unbind(1)], 1)
        return apart + 0.01 * kl + 0.1 * self.judge(others).log_softmax(1)[:, 0].mean()


def audited(model: nn.Module) -> AuditReport:
    torch.manual_seed(2)
    return audit(model, f"B {POINTS} 3", "loss")


def test_samples_that_are_mixed_before_an_unread_comparison_are_named() -> None:
    report = audited(Mixed())
    assert codes(report) == ["VAE106"]
    place = report.findings[0].place
    assert place is not None
    assert place.line == inspect.getsourcelines(Mixed.points)[1] + 1


@pytest.mark.parametrize("model", [Cloud, Judged])
def test_samples_that_are_kept_apart_are_open_there(model: type[Cloud]) -> None:
    report = audited(model())
    assert codes(report) == []
    assert "VAE106" in report.judgements[0].undecided


def test_a_kl_that_is_left_out_is_placed_where_the_loss_is_made() -> None:
    report = audited(LeftOut())
    assert codes(report) == ["VAE305"]
    place = report.findings[0].place
    assert place is not None
    assert place.line == inspect.getsourcelines(Cloud.loss)[1] + 5
