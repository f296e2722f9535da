"""The order of the samples in a batch means nothing."""

from __future__ import annotations

from dataclasses import replace

import torch

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Put one batch to each stage in two orders, and compare sample by sample."""
    order = trial.permutation(trial.sizes.batch)
    for name, stage, arguments in trial.batched():
        results = stage(*arguments)
        reordered = stage(*(argument[order] for argument in arguments))
        for got, expected in zip(reordered, results, strict=True):
            violation = trial.differs(f"{name} of the batch in another order", got, expected[order])
            if violation:
                return violation
    return None


def mutant(stages: Stages) -> Stages:
    """A KL that grows with a sample's place in the batch."""
    kl = given(stages.kl)
    return replace(stages, kl=lambda mu, second: kl(mu, second) + torch.arange(len(mu)))


LAW = Law(
    name="batch-order",
    statement="permuting the batch permutes the result of every stage",
    source="the samples of a batch are independent; Kingma and Welling 2014, section 2.1",
    any_of=("encode", "decode", "kl", "recon"),
    broken_by=("VAE106", "VAE603"),
    holds=holds,
    mutant=mutant,
)
