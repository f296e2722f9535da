"""Stages 5.1 and 5.3 of the seed: the reconstruction of each sample, and the loss."""

from __future__ import annotations

import torch.nn.functional as F

from vae_checked.contracts import Float, Tensor, checked


@checked
def squared_error(x_hat: Float[Tensor, "B C H W"], x: Float[Tensor, "B C H W"]) -> Float[Tensor, " B"]:
    """Squared error of each sample, summed over C, H and W: pixels as continuous values.

    x_hat, x: (B, C, H, W), both in the range of the data. Returns (B,), in [0, inf): minus the log-likelihood under
    N(x_hat, I/2), up to a constant.
    """
    return F.mse_loss(x_hat, x, reduction="none").sum(dim=(1, 2, 3))


@checked
def bce_with_logits(x_logits: Float[Tensor, "B C H W"], x: Float[Tensor, "B C H W"]) -> Float[Tensor, " B"]:
    """Binary cross entropy of each sample in nats, summed over C, H and W: pixels as Bernoulli variables.

    x_logits: (B, C, H, W), any real number, before the sigmoid; x: (B, C, H, W), in [0, 1]. Returns (B,), in [0, inf).

    """
    return F.binary_cross_entropy_with_logits(x_logits, x, reduction="none").sum(dim=(1, 2, 3))


@checked
def vae_loss(recon: Float[Tensor, " B"], kl: Float[Tensor, " B"], beta: float = 1.0) -> Float[Tensor, ""]:
    """The scalar that is minimised: `(recon + beta * kl).mean()`; beta = 1 is minus the ELBO.

    recon, kl: (B,), each summed over everything but the batch; beta: weight of the KL. Returns a scalar.
    Source: Higgins et al. 2017 for beta.
    """
    return (recon + beta * kl).mean()
