"""Where a pixel is means nothing to the reconstruction loss."""

from __future__ import annotations

from dataclasses import replace

import torch

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Put prediction and data in another order of the pixels, the same for both, and compare."""
    x_hat, x = trial.predictions(), trial.targets()
    order = trial.permutation(x[0].numel())
    moved = [image.flatten(start_dim=1)[:, order].view_as(image) for image in (x_hat, x)]
    return trial.differs("recon of the pixels in another order", trial.recon(*moved), trial.recon(x_hat, x))


def mutant(stages: Stages) -> Stages:
    """A loss that leaves out the first pixel."""
    recon = given(stages.recon)

    def blanks_the_first_pixel(x_hat: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        kept = torch.ones_like(x)
        kept.flatten(start_dim=1)[:, 0] = 0
        return recon(x_hat * kept, x * kept)

    return replace(stages, recon=blanks_the_first_pixel)


LAW = Law(
    name="recon-pixel-order",
    statement="permuting the pixels of x_hat and x alike leaves recon as it is",
    source="p(x|z) factorises over pixels; Kingma and Welling 2014, appendix C",
    needs=("recon", "likelihood"),
    unlinked="no mistake of the catalogue weighs one pixel more than another",
    holds=holds,
    mutant=mutant,
)
