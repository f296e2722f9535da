"""What happens to one sample does not touch another."""

from __future__ import annotations

from dataclasses import replace

import torch

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Change one sample of the batch, and ask for the same results for all others."""
    changed = trial.pick(trial.sizes.batch)
    others = [index for index in range(trial.sizes.batch) if index != changed]
    if not others:
        return None
    before, after = trial.batched(), trial.batched()
    for (name, stage, arguments), (_, _, fresh) in zip(before, after, strict=True):
        edited = [
            old.index_copy(0, torch.tensor([changed], device=old.device), new[changed][None])
            for old, new in zip(arguments, fresh, strict=True)
        ]
        for got, expected in zip(stage(*edited), stage(*arguments), strict=True):
            violation = trial.differs(
                f"{name} of the other samples", got[others], expected[others], where=f"sample {changed} was changed"
            )
            if violation:
                return violation
    return None


def mutant(stages: Stages) -> Stages:
    """Batch statistics: the mean over the batch is subtracted from mu."""
    kl = given(stages.kl)

    def normalises_over_the_batch(mu: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return kl(mu - mu.mean(dim=0), second)

    return replace(stages, kl=normalises_over_the_batch)


LAW = Law(
    name="sample-independence",
    statement="changing one sample of the batch leaves the results of the others as they were",
    source="the samples of a batch are independent; Kingma and Welling 2014, section 2.1",
    any_of=("encode", "decode", "kl", "recon"),
    broken_by=("VAE106",),
    holds=holds,
    mutant=mutant,
)
