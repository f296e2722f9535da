"""The loss is the mean over the batch."""

from __future__ import annotations

from dataclasses import replace

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Compare the loss of drawn terms with the sum over the batch of recon + beta * kl, divided by B."""
    recon, kl = (trial.cast(trial.uniform(0.5, 5.0, trial.sizes.batch)) for _ in range(2))
    beta = trial.uniform(0.5, 3.0).item()
    expected = (recon.double() + beta * kl.double()).sum() / trial.sizes.batch
    return trial.differs(f"loss(beta = {beta:.3g})", trial.loss(recon, kl, beta), expected)


def mutant(stages: Stages) -> Stages:
    """A sum over the batch."""
    loss = given(stages.loss)
    return replace(stages, loss=lambda recon, kl, beta: loss(recon, kl, beta) * len(kl))


LAW = Law(
    name="loss-is-batch-mean",
    statement="loss = (recon + beta * kl).mean()",
    source="Kingma and Welling 2014, equation 8, divided by the number of samples",
    needs=("loss",),
    broken_by=("VAE504",),
    holds=holds,
    mutant=mutant,
)
