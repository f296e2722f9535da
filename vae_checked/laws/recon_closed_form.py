"""The reconstruction loss is the one it is taken for, summed over C, H and W."""

from __future__ import annotations

from dataclasses import replace

from vae_checked.laws.closed_forms import RECON, per_sample
from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import InapplicableError, Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Compare with the closed form of the likelihood at drawn predictions and data."""
    likelihood = trial.known_likelihood()
    if likelihood not in RECON:
        raise InapplicableError(f"{likelihood} has no closed form in x_hat and x alone")
    x_hat, x = trial.predictions(), trial.targets()
    expected = per_sample(RECON[likelihood](x_hat.double(), x.double()))
    return trial.differs(f"recon ({likelihood})", trial.recon(x_hat, x), expected * given(trial.stages.recon_scale))


def mutant(stages: Stages) -> Stages:
    """A reconstruction loss with a penalty on the prediction beside it."""
    recon = given(stages.recon)
    return replace(
        stages, recon=lambda x_hat, x: recon(x_hat, x) + 0.01 * x_hat.flatten(start_dim=1).square().sum(dim=1)
    )


LAW = Law(
    name="recon-closed-form",
    statement="recon = sum (x_hat - x)^2, or -sum (x log p + (1 - x) log(1 - p)), over C, H and W",
    source="Kingma and Welling 2014, appendix C",
    needs=("recon", "likelihood", "recon_scale"),
    broken_by=("VAE404",),
    holds=holds,
    mutant=mutant,
)
