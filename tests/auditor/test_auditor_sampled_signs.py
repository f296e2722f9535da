"""The sign of a KL that a sample estimates, where a flow or a learned mixture leaves nothing else of it to be known."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from bound_losses import codes
from torch import Tensor, nn

from vae_checked.auditor import AuditReport, audit

FEATURES, LATENTS = 14, 3


class Bends(nn.Module):
    """z + u * tanh(w z + b), and the logarithm of its determinant."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.u = (nn.Parameter(0.3 * torch.ones(LATENTS)) for _ in range(2))
        self.b = nn.Parameter(torch.zeros(1))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        bent = torch.tanh(z @ self.w + self.b).unsqueeze(1)
        return z + bent * self.u, torch.log1p((1 - bent.pow(2)).squeeze(1) * (self.w @ self.u))


class OfFlow(nn.Module):
    """A posterior that a flow turns into another; the loss judges it by `log_q` and `log_p` of its sample."""

    def __init__(self, combine: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(FEATURES, 2 * LATENTS), nn.Linear(LATENTS, FEATURES)
        self.flow = Bends()
        self.combine = combine

    def through(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """What is decoded, and the logarithm of the determinant on the way there."""
        found: tuple[Tensor, Tensor] = self.flow(z)
        return found

    def log_p(self, z: Tensor) -> Tensor:
        return (-0.5 * z.pow(2) - 0.5 * math.log(2 * math.pi)).sum(1)

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encoder(x).chunk(2, 1)
        z_0 = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        z, ldj = self.through(z_0)
        log_q = -0.5 * (math.log(2 * math.pi) + logvar + (z_0 - mu).pow(2) / logvar.exp()).sum(1) - ldj
        return self.decoder(z), log_q, self.log_p(z)

    def loss(self, x: Tensor) -> Tensor:
        x_hat, log_q, log_p = self(x)
        return ((x_hat - x).pow(2).sum(1) + self.combine(log_q, log_p)).mean()


class OfMixture(OfFlow):
    """The prior is the mean of posteriors of inputs that are learned."""

    def __init__(self, combine: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__(combine)
        del self.flow
        self.pseudo = nn.Parameter(torch.randn(5, FEATURES))

    def through(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return z, torch.zeros(len(z))

    def log_p(self, z: Tensor) -> Tensor:
        means, logvars = (each.unsqueeze(0) for each in self.encoder(self.pseudo).chunk(2, 1))
        each = -0.5 * (logvars + (z.unsqueeze(1) - means).pow(2) / logvars.exp() + math.log(2 * math.pi)).sum(2)
        return torch.logsumexp(each, 1) - math.log(5)


MODELS = [OfFlow, OfMixture]


def audited(model: type[OfFlow], combine: Callable[[Tensor, Tensor], Tensor]) -> AuditReport:
    torch.manual_seed(3)
    return audit(model(combine), f"B {FEATURES}", "loss")


@pytest.mark.parametrize("model", MODELS)
def test_an_estimate_that_is_maximised_is_named(model: type[OfFlow]) -> None:
    report = audited(model, lambda log_q, log_p: log_p - log_q)
    assert codes(report) == ["VAE302"]
    assert report.findings[0].fix == "recon + kl, with kl = log q(z|x) - log p(z)"


class BoundOfFlow(OfFlow):
    def loss(self, x: Tensor) -> Tensor:
        return -super().loss(x)


class BoundOfMixture(OfMixture):
    def loss(self, x: Tensor) -> Tensor:
        return -super().loss(x)


@pytest.mark.parametrize("model", [BoundOfFlow, BoundOfMixture])
def test_the_bound_of_an_estimate_may_be_maximised_elsewhere(model: type[OfFlow]) -> None:
    report = audited(model, lambda log_q, log_p: log_q - log_p)
    (judgement,) = report.judgements
    assert codes(report) == []
    assert not {"VAE302", "VAE505"} & {*judgement.clean}
    assert "a bound that is maximised elsewhere" in report.facts[0].unobserved["kl.sign"]


@pytest.mark.parametrize("model", MODELS)
def test_an_estimate_that_is_minimised_is_checked(model: type[OfFlow]) -> None:
    report = audited(model, lambda log_q, log_p: 2.0 * (log_q - log_p))
    assert codes(report) == []
    assert "VAE302" in report.judgements[0].clean


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("combine", "sign"), [(lambda log_q, log_p: log_q + log_p, "+1"), (lambda log_q, log_p: -log_q - log_p, "-1")]
)
def test_densities_of_one_sign_are_no_estimate_of_a_kl(model: type[OfFlow], combine: Any, sign: str) -> None:
    report = audited(model, combine)
    assert codes(report) == ["VAE302"]
    assert "the sum of log q(z|x) and log p(z) is minimised" in report.findings[0].message
    assert f"that of log q(z|x), and that of log p(z), is {sign}" in str(report.findings[0].evidence)


class Judged(OfFlow):
    """A network judges z beside the entropy of the posterior: no density, whatever its sign."""

    def __init__(self, combine: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__(combine)
        self.judge = nn.Sequential(nn.Linear(LATENTS, 16), nn.ReLU(), nn.Linear(16, 1))

    def log_p(self, z: Tensor) -> Tensor:
        return self.judge(z.abs()).squeeze(1)  # type: ignore[no-any-return]  # a module's call is of any type


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_judge_of_samples_is_no_density_of_the_wrong_sign(sign: float) -> None:
    report = audited(Judged, lambda log_q, log_p: log_q - sign * log_p)
    assert "VAE302" not in codes(report)


@pytest.mark.parametrize("model", MODELS)
def test_what_is_no_estimate_has_no_sign_that_is_known(model: type[OfFlow]) -> None:
    report = audited(model, lambda log_q, log_p: log_q * log_p)
    assert "VAE302" not in codes(report)
    assert "VAE302" not in report.judgements[0].clean


class ReadOtherwise(OfMixture):
    """z is drawn with exp(s), and its density is that of exp(s / 2)."""

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encoder(x).chunk(2, 1)
        z = mu + torch.exp(logvar) * torch.randn_like(mu)
        log_q = -0.5 * (math.log(2 * math.pi) + logvar + (z - mu).pow(2) / logvar.exp()).sum(1)
        return self.decoder(z), log_q, self.log_p(z)


def test_a_density_beside_a_mixture_reads_the_head_as_the_sampler_does() -> None:
    wrong, right = (audited(model, lambda log_q, log_p: log_q - log_p) for model in (ReadOtherwise, OfMixture))
    assert codes(wrong) == ["VAE201"]
    assert "N(0, I)" not in wrong.findings[0].fix
    assert codes(right) == []
    assert "VAE201" in right.judgements[0].clean
    assert not {"VAE301"} & {*right.judgements[0].clean, *wrong.judgements[0].clean}
