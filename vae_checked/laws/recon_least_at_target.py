"""No reconstruction is better than the perfect one."""

from __future__ import annotations

from dataclasses import replace

import torch

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation

STEP = 0.04


def holds(trial: Trial) -> Violation | None:
    """Step away from the best prediction both ways: at a point that is not the least, one of the two goes down."""
    x = trial.targets()
    best = trial.perfect(x)
    least = trial.recon(best, x)
    signs = trial.cast(trial.normal(*best.shape).sign())
    for direction in (signs, -signs, torch.ones_like(best), -torch.ones_like(best)):
        violation = trial.below("recon near x_hat = x", trial.recon(best + STEP * direction, x), least)
        if violation:
            return violation
    return None


def mutant(stages: Stages) -> Stages:
    """One activation too many before the loss."""
    recon = given(stages.recon)
    return replace(stages, recon=lambda x_hat, x: recon(x_hat.sigmoid(), x))  # one activation too many


LAW = Law(
    name="recon-least-at-target",
    statement="recon is least where the decoder's output is the data: x_hat = x, or sigmoid(x_logits) = x",
    source="Gibbs' inequality for Bernoulli pixels; Cover and Thomas 2006, theorem 2.6.3",
    needs=("recon", "likelihood"),
    broken_by=("VAE401", "VAE505"),
    holds=holds,
    mutant=mutant,
)
