"""A loss per sample has one number for each."""

from __future__ import annotations

from dataclasses import replace

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import InapplicableError, Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Ask for the shape (B,) of each term whose weight is known."""
    known = [
        name for name in ("kl", "recon") if None not in (getattr(trial.stages, n) for n in (name, f"{name}_scale"))
    ]
    if not known:
        raise InapplicableError("no term of the loss is known with its weight")
    for name in known:
        arguments = trial.posterior()[:2] if name == "kl" else (trial.predictions(), trial.targets())
        shape = tuple(trial.tensor_of(name, *arguments).shape)
        if shape != (trial.sizes.batch,):
            return trial.violation(f"the shape of {name}", got=shape, expected=(trial.sizes.batch,))
    return None


def mutant(stages: Stages) -> Stages:
    """A KL that is averaged over the batch."""
    kl = given(stages.kl)
    return replace(stages, kl=lambda mu, second: kl(mu, second).mean())


LAW = Law(
    name="per-sample-shape",
    statement="kl and recon have shape (B,)",
    source="the bound is a sum over the samples; Kingma and Welling 2014, equation 1",
    any_of=("kl_scale", "recon_scale"),
    broken_by=("VAE304", "VAE501"),
    holds=holds,
    mutant=mutant,
)
