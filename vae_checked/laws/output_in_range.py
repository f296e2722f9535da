"""The decoder keeps to the range of the data."""

from __future__ import annotations

from dataclasses import replace

import torch

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import InapplicableError, Trial, Violation

SPREAD = 10.0


def holds(trial: Trial) -> Violation | None:
    """Decode latents far from the prior, and ask for values in the interval of the last activation."""
    output = given(trial.stages.output)
    if not output.bounded:
        raise InapplicableError("the decoder's output is any real number")
    x_hat = trial.decode(SPREAD * trial.latents())
    low, high = x_hat.min().item(), x_hat.max().item()
    if output.low - trial.tolerance <= low and high <= output.high + trial.tolerance:
        return None
    return trial.violation("decode(z)", got=f"in [{low:.4g}, {high:.4g}]", expected=f"within {output}")


def mutant(stages: Stages) -> Stages:
    """A decoder whose images leave the interval by a shift that grows along the batch."""
    decode = given(stages.decode)
    return replace(stages, decode=lambda z: decode(z) + torch.linspace(-2, 2, len(z)).view(-1, 1, 1, 1))


LAW = Law(
    name="output-in-range",
    statement="decode(z) stays in the range of the decoder's last activation, for z far from the prior too",
    source="the range of the decoder's last activation",
    needs=("decode", "output"),
    broken_by=("VAE403",),
    holds=holds,
    mutant=mutant,
)
