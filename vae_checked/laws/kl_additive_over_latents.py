"""Independent latents add up."""

from __future__ import annotations

from dataclasses import replace

import torch

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Split the latents into two groups: with the other group at the prior, each contributes its own part."""
    posterior, prior = trial.posterior(), trial.prior()
    latents = posterior.mu[0].numel()
    first = torch.zeros(latents, dtype=torch.bool, device=posterior.mu.device)
    first[trial.permutation(latents)[: (latents + 1) // 2]] = True
    mask = first.view(posterior.mu.shape[1:])

    def part(kept: torch.Tensor) -> torch.Tensor:
        mu = torch.where(kept, posterior.mu, prior.mu)
        return trial.kl(mu, torch.where(kept, posterior.second, prior.second))

    whole = trial.kl(posterior.mu, posterior.second)
    return trial.differs("the KL of two groups of latents together", whole, part(mask) + part(~mask))


def mutant(stages: Stages) -> Stages:
    """The square of the KL."""
    kl = given(stages.kl)
    return replace(stages, kl=lambda mu, second: kl(mu, second).square())


LAW = Law(
    name="kl-additive-over-latents",
    statement="the KL of independent latents is the sum of their KLs",
    source="chain rule of the KL divergence for factorised distributions; Cover and Thomas 2006, theorem 2.5.3",
    needs=("kl", "parametrisation"),
    unlinked="a KL that does not add up has no closed form, and kl-closed-form names it",
    holds=holds,
    mutant=mutant,
)
