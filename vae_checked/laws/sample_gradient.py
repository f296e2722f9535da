"""Gradient flows through the sample to both heads."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from vae_checked.laws.closed_forms import STD_SLOPE
from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Compare the gradient of z at both heads with that of mu + std * eps, for the same eps."""
    mu, second, std = trial.posterior()
    eps = trial.eps()
    weight = trial.cast(trial.normal(*mu.shape))
    with torch.enable_grad():
        mu, second = mu.clone().requires_grad_(), second.clone().requires_grad_()
        z = trial.reparameterize(mu, second)
        if not z.requires_grad:
            return trial.violation("z", got="cut off from both heads", expected="a gradient for both")
        grads: tuple[Tensor | None, ...] = torch.autograd.grad((weight * z).sum(), (mu, second), allow_unused=True)
    slope = STD_SLOPE[given(trial.stages.parametrisation)](std)
    expected = (weight, weight * eps * slope)
    for head, grad, value in zip(("mu", "the head for std"), grads, expected, strict=True):
        if grad is None:
            return trial.violation(f"d z / d {head}", got="cut off", expected="a gradient")
        violation = trial.differs(f"w * d z / d {head}", grad, value)
        if violation:
            return violation
    return None


def mutant(stages: Stages) -> Stages:
    """A sample that is cut off from the head for std."""
    sample = given(stages.reparameterize)
    return replace(stages, reparameterize=lambda mu, second: sample(mu, second.detach()))


LAW = Law(
    name="sample-gradient",
    statement="d z / d mu = 1 and d z / d logvar = std * eps / 2",
    source="the reparameterisation gradient; Kingma and Welling 2014, section 2.4",
    needs=("reparameterize", "parametrisation"),
    broken_by=("VAE206",),
    holds=holds,
    mutant=mutant,
)
