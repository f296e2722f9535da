"""A linear-Gaussian VAE, the one whose evidence and exact posterior are known."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from vae_checked.laws.closed_forms import log_prob
from vae_checked.laws.trial import InapplicableError, Trial

NOISE = 0.8
LARGEST_LATENT = 256  # the exact posterior takes the cube of it


class LinearGaussian(NamedTuple):
    """p(z) = N(0, I), p(x|z) = N(Wz + b, 0.8^2 I). weight: (D, L), bias: (D,); Tipping and Bishop 1999, section 3."""

    weight: Tensor
    bias: Tensor

    @property
    def evidence(self) -> MultivariateNormal:
        """p(x)."""
        eye = torch.eye(len(self.bias), dtype=self.bias.dtype)
        return MultivariateNormal(self.bias, self.weight @ self.weight.T + NOISE**2 * eye)

    def posterior(self, x: Tensor) -> MultivariateNormal:
        """p(z|x) for x (B, D)."""
        eye = torch.eye(self.weight.shape[1], dtype=self.bias.dtype)
        precision = eye + self.weight.T @ self.weight / NOISE**2
        mean = torch.linalg.solve(precision, ((x - self.bias) @ self.weight / NOISE**2).T).T
        return MultivariateNormal(mean, precision_matrix=precision)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) for x (..., D) and z (..., L)."""
        return log_prob(Normal(z @ self.weight.T + self.bias, NOISE), x).sum(dim=-1)

    def expected_log_likelihood(self, x: Tensor, mu: Tensor, std: Tensor) -> Tensor:
        """E log p(x|z) under z ~ N(mu, std^2 I), (B,), in closed form."""
        spread = (std.square() @ self.weight.square().T).sum(dim=1) / (2 * NOISE**2)
        return self.log_likelihood(x, mu) - spread


def draw(trial: Trial, count: int) -> tuple[LinearGaussian, Tensor]:
    """A model with the latents of the trial, and `count` samples x (count, D) of it; InapplicableError if too large."""
    latents = torch.Size(trial.sizes.latent).numel()
    if latents > LARGEST_LATENT:
        raise InapplicableError(
            f"the exact posterior of {latents} latents is not computed, only up to {LARGEST_LATENT}"
        )
    size = latents + 2
    model = LinearGaussian(trial.normal(size, latents) / latents**0.5, trial.normal(size))
    z = trial.normal(count, latents)
    return model, z @ model.weight.T + model.bias + NOISE * trial.normal(count, size)
