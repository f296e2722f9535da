"""Audits in half precision: a small weight is no wrong formula, and an overflow says what overflows, and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vae_checked.auditor import AuditReport, audit
from vae_checked.auditor.check import stages_for
from vae_checked.facts import Parametrisation
from vae_checked.finding import Severity

FEATURES, LATENTS = 42, 6


class Model(nn.Module):
    """A VAE on rows of features, cast or autocast to `dtype`."""

    def __init__(self, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.dtype = dtype
        self.encoder = nn.Sequential(nn.Linear(FEATURES, 32), nn.ReLU())
        self.fc_mu, self.fc_logvar = nn.Linear(32, LATENTS), nn.Linear(32, LATENTS)
        self.decoder = nn.Linear(LATENTS, FEATURES)

    def forward(self, x: Tensor) -> Any:
        with torch.autocast("cpu", dtype=self.dtype or torch.bfloat16, enabled=self.dtype is not None):
            h = self.encoder(x)
            mu, logvar = self.fc_mu(h), self.fc_logvar(h)
            return self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


MODELS: dict[str, Callable[[], nn.Module]] = {
    "float16": lambda: Model().half(),
    "bfloat16": lambda: Model().bfloat16(),
    "float64": lambda: Model().double(),
    "autocast to float16": lambda: Model(torch.float16),
    "autocast to bfloat16": lambda: Model(torch.bfloat16),
}


def loss_of(weight: float, sign: float, scale: float = 1.0) -> Callable[..., Tensor]:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        kl = -0.5 * (scale + logvar - mu.pow(2) - logvar.exp() ** scale).sum(1).mean()
        return (x_hat - x).pow(2).mean() + sign * weight * kl

    return loss


def audited(model: nn.Module, loss: Callable[..., Tensor]) -> AuditReport:
    torch.manual_seed(6)
    return audit(model, f"B {FEATURES}", loss)


def codes(report: AuditReport) -> list[str]:
    return [finding.code for finding in report.findings if finding.severity is not Severity.INFO]


@pytest.mark.parametrize("name", MODELS)
def test_a_small_weight_of_the_kl_is_no_wrong_formula(name: str) -> None:
    report = audited(MODELS[name](), loss_of(1e-6, 1.0))
    assert codes(report) == []
    form = report.facts[0].kl.form
    assert form is not None
    assert form.value.parametrisation is Parametrisation.LOGVAR


@pytest.mark.parametrize("name", MODELS)
def test_a_wrong_sign_and_a_wrong_formula_are_named_in_any_precision(name: str) -> None:
    assert "VAE302" in codes(audited(MODELS[name](), loss_of(1e-3, -1.0)))
    assert "VAE301" in codes(audited(MODELS[name](), loss_of(1e-3, 1.0, scale=2.0)))


class Spatial(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Conv2d(3, 16, 3, 2, 1), nn.ConvTranspose2d(8, 3, 4, 2, 1)

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encoder(x).chunk(2, 1)
        return self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


@pytest.mark.parametrize(("wide", "expected"), [(False, ["VAE208"]), (True, [])])
def test_a_sum_that_overflows_before_exp_does_is_named(wide: bool, expected: list[str]) -> None:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        if wide:
            mu, logvar = mu.float(), logvar.float()
        kl = 0.5 * (mu.pow(2) + logvar.exp() - 1 - logvar).sum((1, 2, 3)).mean()
        return (x_hat.float() - x.float()).pow(2).sum((1, 2, 3)).mean() + 1e-6 * kl

    torch.manual_seed(6)
    report = audit(Spatial().half(), "B 3 64 48", loss)
    assert codes(report) == expected
    if expected:
        (finding,) = (each for each in report.findings if each.code == "VAE208")
        assert "a sum of 6144 numbers overflows float16" in finding.message


class Summed(Model):
    """A KL that a product with a vector of the model's own precision sums."""

    def loss_function(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar)
        return ((x_hat - x).square().sum() + (kl @ torch.ones(LATENTS)).sum()) / len(x)


def test_a_stage_that_cannot_be_run_in_double_says_so_plainly() -> None:
    (line,) = stages_for(Summed(), f"B {FEATURES}").unobserved
    assert line == (
        "its KL: a tensor or a layer of another precision takes part in it, and laws compute in double precision"
    )
