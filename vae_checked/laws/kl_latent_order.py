"""The order of the latents means nothing to the KL."""

from __future__ import annotations

from dataclasses import replace

import torch

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Put both heads in another order of the latents, the same for both, and compare."""
    mu, second, _ = trial.posterior()
    order = trial.permutation(mu[0].numel())

    def reordered(head: torch.Tensor) -> torch.Tensor:
        return head.flatten(start_dim=1)[:, order].view_as(head)

    return trial.differs(
        "kl of the latents in another order", trial.kl(reordered(mu), reordered(second)), trial.kl(mu, second)
    )


def mutant(stages: Stages) -> Stages:
    """A KL in which the first latent counts more than the others."""
    kl = given(stages.kl)
    return replace(stages, kl=lambda mu, second: kl(mu, second) + mu.flatten(start_dim=1)[:, 0].square())


LAW = Law(
    name="kl-latent-order",
    statement="permuting the latents of both heads alike leaves the KL as it is",
    source="N(0, I) is invariant under permutation of its axes",
    needs=("kl", "parametrisation"),
    unlinked="no mistake of the catalogue weighs one latent more than another",
    holds=holds,
    mutant=mutant,
)
