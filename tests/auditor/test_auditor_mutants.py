"""Mistakes planted in VAEs of three designs: each is named, and the unplanted design has no finding."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch import distributions as D

from vae_checked.auditor import audit


class Design(nn.Module):
    """A VAE in pieces, of which a planted mistake changes one."""

    spec = ""
    data_range: tuple[float, float] = (0.0, 1.0)

    def __init__(self, mistake: str | None = None) -> None:
        super().__init__()
        self.mistake = mistake

    def std(self, s: Tensor) -> Tensor:
        return torch.exp(s) if self.mistake == "VAE201" else torch.exp(0.5 * s)

    def eps(self, mu: Tensor) -> Tensor:
        if self.mistake == "VAE202":
            return torch.rand_like(mu)
        if self.mistake == "VAE203":
            return torch.randn_like(mu[:1]).expand_as(mu)
        return torch.randn_like(mu)

    def sample(self, mu: Tensor, s: Tensor) -> Tensor:
        if self.mistake == "VAE206":
            with torch.no_grad():
                return mu + self.std(s) * self.eps(mu)
        return mu + self.std(s) * self.eps(mu)

    def heads(self, mu: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        if self.mistake == "VAE204":
            return F.relu(mu), s
        return (mu, mu) if self.mistake == "VAE205" else (mu, s)

    def kl_elements(self, mu: Tensor, s: Tensor) -> Tensor:
        if self.mistake == "VAE301":
            return -0.5 * (1 + s - mu.abs() - s.exp())
        if self.mistake == "VAE302":
            return 0.5 * (1 + s - mu.square() - s.exp())
        if self.mistake == "VAE303":
            return -(1 + s - mu.square() - s.exp())
        if self.mistake == "VAE306":
            return D.kl_divergence(D.Normal(0.0, 1.0), D.Normal(mu, self.std(s)))
        return -0.5 * (1 + s - mu.square() - s.exp())

    def kl(self, mu: Tensor, s: Tensor) -> Tensor:
        elements = self.kl_elements(mu, s).flatten(1)
        if self.mistake == "VAE304":
            return elements.sum(0).mean()
        if self.mistake == "VAE503":
            return elements.mean()
        return elements.sum() if self.mistake == "VAE504" else elements.sum(1).mean()

    def recon_elements(self, x_hat: Tensor, x: Tensor) -> Tensor:
        return (x_hat - x).square()

    def recon(self, x_hat: Tensor, x: Tensor) -> Tensor:
        elements = self.recon_elements(x_hat, x)
        if self.mistake == "VAE501":
            return elements.sum(1).mean()
        if self.mistake == "VAE502":
            return elements.mean()
        return -elements.flatten(1).sum(1).mean() if self.mistake == "VAE505" else elements.flatten(1).sum(1).mean()

    def total(self, x_hat: Tensor, x: Tensor, mu: Tensor, s: Tensor) -> Tensor:
        kl = self.kl(mu, s)
        return self.recon(x_hat, x) + (kl.detach() if self.mistake == "VAE305" else kl)


class Spatial(Design):
    """Convolutions, a latent (B, C, h, w), logits, the loss a method that returns a dictionary."""

    spec = "B 3 8 12"

    def __init__(self, mistake: str | None = None) -> None:
        super().__init__(mistake)
        self.encoder = nn.Sequential(nn.Conv2d(3, 9, 3, stride=2, padding=1), nn.SiLU(), nn.Conv2d(9, 4, 1))
        self.decoder = nn.Sequential(nn.Conv2d(2, 9, 1), nn.ReLU(), nn.ConvTranspose2d(9, 3, 4, stride=2, padding=1))

    def recon_elements(self, x_hat: Tensor, x: Tensor) -> Tensor:
        if self.mistake == "VAE404":
            return F.binary_cross_entropy(x.clamp(0.05, 0.95), torch.sigmoid(x_hat), reduction="none")
        if self.mistake == "VAE401":
            x_hat = torch.sigmoid(x_hat)
        return F.binary_cross_entropy_with_logits(x_hat, x, reduction="none")

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        mu, s = self.heads(*self.encoder(x).chunk(2, 1))
        return {"logits": self.decoder(self.sample(mu, s)), "mu": mu, "logvar": s}

    def loss_function(self, logits: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> dict[str, Tensor]:
        return {"loss": self.total(logits, x, mu, logvar)}


class Sequential1d(Design):
    """A 1-D convolution, one layer for both heads, the list of PyTorch-VAE, the loss a function of `*args`."""

    spec = "B 2 22"
    data_range = (-1.0, 1.0)

    def __init__(self, mistake: str | None = None) -> None:
        super().__init__(mistake)
        self.encoder = nn.Sequential(nn.Conv1d(2, 6, 5, padding=2), nn.ReLU(inplace=True), nn.Flatten())
        self.fc = nn.Linear(6 * 22, 10)
        self.decoder = nn.Linear(5, 2 * 22)

    def forward(self, x: Tensor) -> list[Tensor]:
        mu, s = self.heads(*self.fc(self.encoder(x)).split(5, dim=-1))
        x_hat = self.decoder(self.sample(mu, s)).view(-1, 2, 22)
        return [torch.sigmoid(x_hat) if self.mistake == "VAE403" else x_hat.tanh(), x, mu, s]

    def loss_function(self, *args: Any, **kwargs: Any) -> Tensor:
        x_hat, x, mu, s = args
        return self.total(x_hat, x, mu, s)


class Inside(Design):
    """On vectors; heads as two layers, the loss computed in forward, batch norm and dropout on the way."""

    spec = "B 19"

    def __init__(self, mistake: str | None = None) -> None:
        super().__init__(mistake)
        self.encoder = nn.Sequential(nn.Linear(19, 30), nn.BatchNorm1d(30), nn.ELU(), nn.Dropout(0.1))
        self.mu, self.s = nn.Linear(30, 6), nn.Linear(30, 6)
        self.decoder = nn.Sequential(nn.Linear(6, 30), nn.LeakyReLU(), nn.Linear(30, 19))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        h = self.encoder(x)
        mu, s = self.heads(self.mu(h), self.s(h))
        x_hat = self.decoder(self.sample(mu, s))
        if self.mistake == "VAE406":
            x_hat = x_hat.relu()
        if self.mistake == "VAE405":
            x_hat = x_hat.sigmoid()
        x_hat = x_hat.sigmoid()
        return {"recon_x": x_hat, "loss": self.total(x_hat, x, mu, s)}


ANYWHERE = (
    *("VAE201", "VAE202", "VAE203", "VAE204", "VAE205", "VAE206"),
    *("VAE301", "VAE302", "VAE304", "VAE305", "VAE306"),
    *("VAE502", "VAE503", "VAE504", "VAE505"),
)
DESIGNS: dict[type[Design], tuple[str, ...]] = {
    Spatial: (*ANYWHERE, "VAE303", "VAE401", "VAE404", "VAE501"),
    Sequential1d: (*ANYWHERE, "VAE403", "VAE501"),
    Inside: (*ANYWHERE, "VAE405", "VAE406"),
}
PLANTED = [(design, code) for design, mistakes in DESIGNS.items() for code in mistakes]


@cache
def found(design: type[Design], mistake: str | None) -> list[str]:
    torch.manual_seed(5)
    report = audit(design(mistake), design.spec, data_range=design.data_range)
    return [finding.code for finding in report.findings]


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.__name__)
def test_a_design_without_a_mistake_has_no_finding(design: type[Design]) -> None:
    assert found(design, None) == []


@pytest.mark.parametrize(("design", "code"), PLANTED, ids=lambda each: getattr(each, "__name__", each))
def test_a_planted_mistake_is_named(design: type[Design], code: str) -> None:
    assert code in found(design, code)


@pytest.mark.parametrize("design", [Sequential1d, Inside], ids=lambda design: design.__name__)
def test_twice_the_kl_beside_a_whole_squared_error_is_no_mistake(design: type[Design]) -> None:
    # A Gaussian likelihood of variance 1 has half the squared error: the sum is twice the exact ELBO.
    assert found(design, "VAE303") == []


# A mistake that has a second one as its consequence; any other code beside the planted one would be a false alarm.
CONSEQUENCES = {
    "VAE205": {"VAE601"},  # the layer that was left out is never trained
    "VAE206": {"VAE601"},  # without gradient through z the encoder may be trained by the KL alone
}


@pytest.mark.parametrize(("design", "code"), PLANTED, ids=lambda each: getattr(each, "__name__", each))
def test_nothing_else_is_named(design: type[Design], code: str) -> None:
    assert set(found(design, code)) - {code} <= CONSEQUENCES.get(code, set())
