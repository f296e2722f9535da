"""A KL divergence is never negative."""

from __future__ import annotations

from dataclasses import replace

import torch

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Ask for KL >= 0 at drawn posteriors."""
    mu, second, _ = trial.posterior()
    kl = trial.kl(mu, second)
    return trial.below("kl(mu, logvar)", kl, torch.zeros_like(kl))


def mutant(stages: Stages) -> Stages:
    """The KL with the opposite sign."""
    kl = given(stages.kl)
    return replace(stages, kl=lambda mu, second: -kl(mu, second))


LAW = Law(
    name="kl-nonnegative",
    statement="kl(mu, logvar) >= 0 for every posterior",
    source="Gibbs' inequality; Cover and Thomas 2006, theorem 2.6.3",
    needs=("kl", "parametrisation"),
    broken_by=("VAE302",),
    holds=holds,
    mutant=mutant,
)
