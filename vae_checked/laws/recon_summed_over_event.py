"""Twice the pixels cost twice the error: it is summed over C, H and W, and no mean."""

from __future__ import annotations

from dataclasses import replace

import torch

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Set two images side by side, along each axis in turn, and ask for the sum of their losses."""
    first, second = (trial.predictions(), trial.targets()), (trial.predictions(), trial.targets())
    apart = trial.recon(*first) + trial.recon(*second)
    for axis in range(1, first[0].dim()):
        x_hat, x = (torch.cat(pair, dim=axis) for pair in zip(first, second, strict=True))
        violation = trial.differs(
            "recon of two images side by side", trial.recon(x_hat, x), apart, where=f"axis {axis}"
        )
        if violation:
            return violation
    return None


def mutant(stages: Stages) -> Stages:
    """A mean over the pixels."""
    recon = given(stages.recon)
    return replace(stages, recon=lambda x_hat, x: recon(x_hat, x) / x[0].numel())


LAW = Law(
    name="recon-summed-over-event",
    statement="the reconstruction loss of a sample is the sum over C, H and W",
    source="independent pixels; Kingma and Welling 2014, appendix C",
    needs=("recon", "likelihood", "recon_scale"),
    broken_by=("VAE502",),
    holds=holds,
    mutant=mutant,
)
