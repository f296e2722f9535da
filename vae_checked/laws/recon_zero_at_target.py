"""A perfect reconstruction has no error."""

from __future__ import annotations

from dataclasses import replace

import torch

from vae_checked.facts import Likelihood
from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import InapplicableError, Trial, Violation

ZERO_AT_TARGET = (Likelihood.MSE, Likelihood.L1, Likelihood.SMOOTH_L1)


def holds(trial: Trial) -> Violation | None:
    """Ask for 0 where the data is its own prediction, for losses that are an error and no likelihood."""
    if trial.known_likelihood() not in ZERO_AT_TARGET:
        raise InapplicableError(
            f"the {trial.known_likelihood()} of a perfect reconstruction is the data's entropy, not 0"
        )
    x = trial.targets()
    recon = trial.recon(x, x)
    return trial.differs("recon(x, x)", recon, torch.zeros_like(recon), tolerance=0.0)


def mutant(stages: Stages) -> Stages:
    """Data in [-1, 1] compared with a prediction in [0, 1]."""
    recon = given(stages.recon)
    return replace(stages, recon=lambda x_hat, x: recon(x_hat, 2 * x - 1))  # the data in another range


LAW = Law(
    name="recon-zero-at-target",
    statement="recon = 0 at x_hat = x for squared and absolute error",
    source="a distance is 0 where both arguments are equal",
    needs=("recon", "likelihood", "recon_scale"),
    broken_by=("VAE403",),
    holds=holds,
    mutant=mutant,
)
