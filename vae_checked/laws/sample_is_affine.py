"""A sample is mu + std * eps, and std is what the head for std stands for."""

from __future__ import annotations

from dataclasses import replace

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Compare z with mu + std * eps, for the eps that the same seed draws at the prior."""
    mu, second, std = trial.posterior()
    return trial.differs("z", trial.reparameterize(mu, second), mu + std * trial.eps())


def mutant(stages: Stages) -> Stages:
    """exp(logvar) taken for std."""
    sample = given(stages.reparameterize)
    return replace(stages, reparameterize=lambda mu, second: sample(mu, 2 * second))  # exp(logvar) taken as std


LAW = Law(
    name="sample-is-affine",
    statement="z = mu + std * eps with std = exp(logvar / 2)",
    source="Kingma and Welling 2014, section 2.4",
    needs=("reparameterize", "parametrisation"),
    broken_by=("VAE201",),
    holds=holds,
    mutant=mutant,
)
