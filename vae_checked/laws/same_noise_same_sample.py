"""A sample is a function of mu, logvar and eps, and eps is new at every draw."""

from __future__ import annotations

from dataclasses import replace

import torch

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Draw z twice under one seed and once under another: the same z twice, and then another."""
    mu, second, _ = trial.posterior()
    trial.eps()  # inapplicable where the noise does not follow torch's seed
    z, again, fresh = (trial.reparameterize(mu, second, noise) for noise in (0, 0, 1))
    if torch.equal(z, fresh):
        return trial.violation("z with other noise", got="the same", expected="another sample")
    return trial.differs("z with the same noise", again, z, tolerance=0.0)


def mutant(stages: Stages) -> Stages:
    """Noise that is drawn once and kept."""
    sample = given(stages.reparameterize)
    kept: dict[torch.Size, torch.Tensor] = {}

    def draws_noise_once(mu: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        eps = kept.setdefault(mu.shape, sample(torch.zeros_like(mu), torch.zeros_like(second)))
        return mu + torch.exp(second / 2) * eps

    return replace(stages, reparameterize=draws_noise_once)


LAW = Law(
    name="same-noise-same-sample",
    statement="the same mu, logvar and eps give the same z; a new eps gives another",
    source="Kingma and Welling 2014, section 2.4",
    needs=("reparameterize", "parametrisation"),
    broken_by=("VAE207",),
    holds=holds,
    mutant=mutant,
)
