"""The KL pulls mu and log variance to the prior with the closed form's force."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from vae_checked.laws.closed_forms import STD_SLOPE
from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Compare the gradient at both heads with the closed form's, chained through the parametrisation."""
    mu, second, std = trial.posterior()
    slope = STD_SLOPE[given(trial.stages.parametrisation)](std)
    with torch.enable_grad():
        mu, second = mu.clone().requires_grad_(), second.clone().requires_grad_()
        kl = trial.kl(mu, second).sum()
        if not kl.requires_grad:
            return trial.violation("kl(mu, logvar)", got="cut off from both heads", expected="a gradient for both")
        grads: tuple[Tensor | None, ...] = torch.autograd.grad(kl, (mu, second), allow_unused=True)
    scale = given(trial.stages.kl_scale)
    expected = (mu.detach() * scale, (std - 1 / std) * slope * scale)
    for head, grad, value in zip(("mu", "the head for std"), grads, expected, strict=True):
        if grad is None:
            return trial.violation(f"d kl / d {head}", got="cut off", expected="a gradient")
        violation = trial.differs(f"d kl / d {head}", grad, value)
        if violation:
            return violation
    return None


def mutant(stages: Stages) -> Stages:
    """A KL that is cut off from the head for std."""
    kl = given(stages.kl)
    return replace(stages, kl=lambda mu, second: kl(mu, second.detach()))


LAW = Law(
    name="kl-gradient",
    statement="d kl / d mu = mu and d kl / d logvar = (exp(logvar) - 1) / 2",
    source="the derivative of Kingma and Welling 2014, appendix B",
    needs=("kl", "parametrisation", "kl_scale"),
    broken_by=("VAE305",),
    holds=holds,
    mutant=mutant,
)
