"""The encoder gives both heads for every sample."""

from __future__ import annotations

from dataclasses import replace

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Encode drawn inputs, and ask for finite heads of shape (B, *latent)."""
    mu, second = trial.encode(trial.inputs())
    expected = (trial.sizes.batch, *trial.sizes.latent)
    for name, head in (("mu", mu), ("logvar", second)):
        if tuple(head.shape) != expected:
            return trial.violation(f"the shape of {name}", got=tuple(head.shape), expected=expected)
        if not head.isfinite().all():
            return trial.violation(name, got="not finite", expected="a real number for every latent")
    return None


def mutant(stages: Stages) -> Stages:
    """A head for std that lacks the last latent."""
    encode = given(stages.encode)
    return replace(stages, encode=lambda x: (encode(x)[0], encode(x)[1][:, :-1]))


LAW = Law(
    name="posterior-shape",
    statement="mu and logvar are finite and of shape (B, L)",
    source="one mean and one std for each latent of each sample; Kingma and Welling 2014, equation 9",
    needs=("encode",),
    unlinked="an encoder of another shape fails where its heads are used: it is no silent mistake",
    holds=holds,
    mutant=mutant,
)
