"""Twice the latents cost twice the KL: it is summed over them, and no mean."""

from __future__ import annotations

from dataclasses import replace

import torch

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Give every latent twice, along each latent axis in turn, and ask for twice the KL."""
    mu, second, _ = trial.posterior()
    once = trial.kl(mu, second)
    for axis in range(1, mu.dim()):
        twice = trial.kl(torch.cat([mu, mu], dim=axis), torch.cat([second, second], dim=axis))
        violation = trial.differs("the KL of every latent twice", twice, 2 * once, where=f"latent axis {axis}")
        if violation:
            return violation
    return None


def mutant(stages: Stages) -> Stages:
    """A mean over the latents."""
    kl = given(stages.kl)
    return replace(stages, kl=lambda mu, second: kl(mu, second) / mu[0].numel())


LAW = Law(
    name="kl-summed-over-latents",
    statement="the KL of a sample is the sum over its latents",
    source="Kingma and Welling 2014, appendix B",
    needs=("kl", "parametrisation", "kl_scale"),
    broken_by=("VAE503",),
    holds=holds,
    mutant=mutant,
)
