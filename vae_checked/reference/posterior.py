"""Stages 3 and 5.2 of the seed: sampling the diagonal Gaussian posterior, and its divergence from the prior."""

from __future__ import annotations

import torch

from vae_checked.contracts import Float, Tensor, checked


@checked
def std_of(logvar: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Standard deviation of the posterior: `exp(0.5 * logvar)`.

    logvar: log(sigma^2), any shape, any real number. Returns sigma, same shape, in (0, inf).
    """
    return torch.exp(0.5 * logvar)


@checked
def reparameterize(mu: Float[Tensor, "B L"], logvar: Float[Tensor, "B L"]) -> Float[Tensor, "B L"]:
    """Draw `z = mu + std * eps`, eps ~ N(0, I) afresh for every sample and latent, so that both heads get a gradient.

    mu, logvar: (B, L), any real number. Returns z, (B, L). Source: Kingma and Welling 2014,
    section 2.4.
    """
    std = std_of(logvar)
    eps = torch.randn_like(std)
    return mu + std * eps


@checked
def kl_divergence(mu: Float[Tensor, "B L"], logvar: Float[Tensor, "B L"]) -> Float[Tensor, " B"]:
    """KL(N(mu, std^2 I) || N(0, I)) of each sample in nats: `0.5 * sum_k (exp(logvar_k) + mu_k^2 - 1 - logvar_k)`.

    mu, logvar: (B, L), any real number. Returns (B,), in [0, inf), 0 at mu = 0 and logvar = 0 alone. `expm1` keeps the
    digits that `exp(logvar) - 1` loses near logvar = 0. Source: Kingma and Welling 2014, appendix B.
    """
    return 0.5 * (torch.expm1(logvar) - logvar + mu.pow(2)).sum(dim=1)
