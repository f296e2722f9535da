"""The prior is symmetric, and so is the KL from it."""

from __future__ import annotations

from dataclasses import replace

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    mu, second, _ = trial.posterior()
    return trial.differs("kl(-mu, logvar)", trial.kl(-mu, second), trial.kl(mu, second))


def mutant(stages: Stages) -> Stages:
    kl = given(stages.kl)
    return replace(stages, kl=lambda mu, second: kl(mu.clamp(min=0), second))  # a ReLU on the mu head


LAW = Law(
    name="kl-even-in-mu",
    statement="kl(-mu, logvar) = kl(mu, logvar)",
    source="symmetry of N(0, I) about 0",
    needs=("kl", "parametrisation"),
    holds=holds,
    mutant=mutant,
)
