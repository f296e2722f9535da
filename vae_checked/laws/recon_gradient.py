"""The reconstruction loss pulls x_hat to the data with the closed form's force."""

from __future__ import annotations

from dataclasses import replace

import torch

from vae_checked.laws.closed_forms import RECON_SLOPE
from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import InapplicableError, Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Compare the gradient at the prediction with the closed form's."""
    likelihood = trial.known_likelihood()
    if likelihood not in RECON_SLOPE:
        raise InapplicableError(f"the slope of {likelihood} does not follow from x_hat and x alone")
    x_hat, x = trial.predictions(), trial.targets()
    with torch.enable_grad():
        x_hat = x_hat.clone().requires_grad_()
        recon = trial.recon(x_hat, x).sum()
        if not recon.requires_grad:
            return trial.violation("recon", got="cut off from x_hat", expected="a gradient")
        (grad,) = torch.autograd.grad(recon, x_hat)
    expected = RECON_SLOPE[likelihood](x_hat.detach(), x) * given(trial.stages.recon_scale)
    return trial.differs("d recon / d x_hat", grad, expected)


def mutant(stages: Stages) -> Stages:
    """The arguments swapped: the data as the prediction."""
    recon = given(stages.recon)
    return replace(stages, recon=lambda x_hat, x: recon(x, x_hat))  # the arguments swapped


LAW = Law(
    name="recon-gradient",
    statement="d recon / d x_hat = 2 (x_hat - x), or sigmoid(x_logits) - x",
    source="the derivatives of the squared error and of the cross entropy",
    needs=("recon", "likelihood", "recon_scale"),
    broken_by=("VAE401", "VAE404"),
    holds=holds,
    mutant=mutant,
)
