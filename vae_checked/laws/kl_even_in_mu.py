"""The prior is symmetric, and so is the KL from it."""

from __future__ import annotations

from dataclasses import replace

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Compare the KL at mu with the KL at -mu."""
    mu, second, _ = trial.posterior()
    return trial.differs("kl(-mu, logvar)", trial.kl(-mu, second), trial.kl(mu, second))


def mutant(stages: Stages) -> Stages:
    """A ReLU on the mu head."""
    kl = given(stages.kl)
    return replace(stages, kl=lambda mu, second: kl(mu.clamp(min=0), second))  # a ReLU on the mu head


LAW = Law(
    name="kl-even-in-mu",
    statement="kl(-mu, logvar) = kl(mu, logvar)",
    source="symmetry of N(0, I) about 0",
    needs=("kl", "parametrisation"),
    broken_by=("VAE204",),
    holds=holds,
    mutant=mutant,
)
