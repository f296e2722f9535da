"""In evaluation encoder and decoder are functions: all randomness is in eps."""

from __future__ import annotations

from dataclasses import replace

import torch

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Call encoder and decoder twice with the same arguments, as in evaluation."""
    for name, stage, arguments in trial.batched(("encode", "decode")):
        for first, again in zip(stage(*arguments), stage(*arguments), strict=True):
            violation = trial.differs(f"{name}, called again", again, first)
            if violation:
                return violation
    return None


def mutant(stages: Stages) -> Stages:
    """A decoder with dropout that evaluation does not switch off."""
    decode = given(stages.decode)
    return replace(stages, decode=lambda z: torch.dropout(decode(z), 0.5, train=True))


LAW = Law(
    name="evaluation-is-deterministic",
    statement="in evaluation, encode(x) and decode(z) give the same result when called again",
    source="encoder and decoder give the parameters of q(z|x) and p(x|z); Kingma and Welling 2014, section 3",
    needs=("live",),
    any_of=("encode", "decode"),
    broken_by=("VAE603",),
    holds=holds,
    mutant=mutant,
)
