"""beta weighs the KL, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import torch

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Take the loss at beta, at twice beta and at 0: the steps between them are equal, and upwards."""
    recon, kl = (trial.cast(trial.uniform(0.5, 5.0, trial.sizes.batch)) for _ in range(2))
    beta = trial.uniform(0.5, 3.0).item()
    none, once, twice = (trial.loss(recon, kl, weight).double() for weight in (0.0, beta, 2 * beta))
    if not once > none:
        return trial.violation("the loss", got="no larger", expected="larger", where=f"beta = {beta:.3g} instead of 0")
    violation = trial.differs("loss(beta = 0)", none, trial.loss(recon, torch.zeros_like(kl), beta).double())
    return violation or trial.differs(f"loss(beta = {2 * beta:.3g})", twice, 2 * once - none)


def mutant(stages: Stages) -> Stages:
    """A weight of beta squared."""
    loss = given(stages.loss)
    return replace(stages, loss=lambda recon, kl, beta: loss(recon, kl, beta**2))


LAW = Law(
    name="loss-affine-in-beta",
    statement="loss = a + b * beta, b > 0 where kl > 0, and a is the loss without a KL",
    source="Higgins et al. 2017, equation 4",
    needs=("loss",),
    broken_by=("VAE305",),
    holds=holds,
    mutant=mutant,
)
