"""The decoder makes one image of every latent."""

from __future__ import annotations

from dataclasses import replace

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Decode drawn latents and compare the shape, batch first, with that of the data."""
    got, expected = tuple(trial.decode(trial.latents()).shape), (trial.sizes.batch, *trial.sizes.event)
    if got == expected:
        return None
    return trial.violation("the shape of decode(z)", got=got, expected=expected)


def mutant(stages: Stages) -> Stages:
    """A decoder that leaves its image flat."""
    decode = given(stages.decode)
    return replace(stages, decode=lambda z: decode(z).flatten(start_dim=1))


LAW = Law(
    name="decoder-shape",
    statement="decode(z) has shape (B, C, H, W)",
    source="p(x|z) gives one x for each z; Kingma and Welling 2014, section 2.1",
    needs=("decode",),
    broken_by=("VAE105",),
    holds=holds,
    mutant=mutant,
)
