"""The results of two batches together are those of each, one after the other."""

from __future__ import annotations

from dataclasses import replace

import torch

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Put two batches to each stage apart and together, and compare."""
    first_batch, second_batch = (trial.batched(scale_known=True) for _ in range(2))
    for (name, stage, first), (_, _, second) in zip(first_batch, second_batch, strict=True):
        together = stage(*(torch.cat(pair) for pair in zip(first, second, strict=True)))
        for got, one, other in zip(together, stage(*first), stage(*second), strict=True):
            violation = trial.differs(f"{name} of two batches together", got, torch.cat([one, other]))
            if violation:
                return violation
    return None


def mutant(stages: Stages) -> Stages:
    """A KL that is divided by the size of the batch."""
    kl = given(stages.kl)
    return replace(stages, kl=lambda mu, second: kl(mu, second) / len(mu))


LAW = Law(
    name="batch-concatenation",
    statement="per sample, the batch size does not matter: f(cat(a, b)) = cat(f(a), f(b))",
    source="the log likelihood of a data set is the sum over its samples; Kingma and Welling 2014, section 2.2",
    any_of=("encode", "decode", "kl", "recon"),
    broken_by=("VAE106", "VAE603"),
    holds=holds,
    mutant=mutant,
)
