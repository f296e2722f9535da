"""The reconstruction has the shape of the input."""

from __future__ import annotations

from dataclasses import replace

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Run drawn inputs through the model, and compare the shape that comes out with theirs."""
    x = trial.inputs()
    got, expected = tuple(trial.forward(x).shape), tuple(x.shape)
    if got == expected:
        return None
    return trial.violation("the shape of the reconstruction", got=got, expected=expected)


def mutant(stages: Stages) -> Stages:
    """Height and width swapped."""
    forward = given(stages.forward)
    return replace(stages, forward=lambda x: forward(x).transpose(-1, -2))


LAW = Law(
    name="reconstruction-shape",
    statement="x_hat has the shape of x",
    source="p(x|z) is a density of x; Kingma and Welling 2014, section 2.1",
    needs=("forward",),
    broken_by=("VAE105",),
    holds=holds,
    mutant=mutant,
)
