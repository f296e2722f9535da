"""The closed forms that the laws compare with, in double precision and independent of the reference."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Distribution, Normal, kl_divergence
from torch.nn.functional import softplus

from vae_checked.facts import Likelihood, Parametrisation

SECOND: dict[Parametrisation, Callable[[Tensor], Tensor]] = {
    Parametrisation.LOGVAR: lambda std: 2 * std.log(),
    Parametrisation.LOG_STD: torch.log,
    Parametrisation.STD: torch.clone,
    Parametrisation.VAR: torch.square,
}
"""The head for std as a function of std."""

STD_SLOPE: dict[Parametrisation, Callable[[Tensor], Tensor]] = {
    Parametrisation.LOGVAR: lambda std: std / 2,
    Parametrisation.LOG_STD: lambda std: std,
    Parametrisation.STD: torch.ones_like,
    Parametrisation.VAR: lambda std: 1 / (2 * std),
}
"""d std / d second, as a function of std."""

BEST_PREDICTION: dict[Likelihood, Callable[[Tensor], Tensor]] = {
    Likelihood.MSE: torch.clone,
    Likelihood.L1: torch.clone,
    Likelihood.SMOOTH_L1: torch.clone,
    Likelihood.BCE: torch.clone,
    Likelihood.BCE_WITH_LOGITS: torch.logit,
}
"""The prediction for which the reconstruction loss of x is least."""

RECON: dict[Likelihood, Callable[[Tensor, Tensor], Tensor]] = {
    Likelihood.MSE: lambda x_hat, x: (x_hat - x).square(),
    Likelihood.L1: lambda x_hat, x: (x_hat - x).abs(),
    Likelihood.BCE: lambda x_hat, x: -(x * x_hat.log() + (1 - x) * torch.log1p(-x_hat)),
    Likelihood.BCE_WITH_LOGITS: lambda x_logits, x: softplus(x_logits) - x * x_logits,
}
"""The reconstruction loss of each element."""

RECON_SLOPE: dict[Likelihood, Callable[[Tensor, Tensor], Tensor]] = {
    Likelihood.MSE: lambda x_hat, x: 2 * (x_hat - x),
    Likelihood.L1: lambda x_hat, x: (x_hat - x).sign(),
    Likelihood.BCE: lambda x_hat, x: (x_hat - x) / (x_hat * (1 - x_hat)),
    Likelihood.BCE_WITH_LOGITS: lambda x_logits, x: x_logits.sigmoid() - x,
}
"""d recon / d x_hat of each element."""


def elementwise_kl(mu: Tensor, std: Tensor) -> Tensor:
    """KL(N(mu, std^2) || N(0, 1)) of each element in nats."""
    return kl_divergence(Normal(mu.double(), std.double()), Normal(0.0, 1.0))


def per_sample(elements: Tensor) -> Tensor:
    """(B, ...) summed over everything but the batch: (B,)."""
    return elements.flatten(start_dim=1).sum(dim=1)


def log_prob(distribution: Distribution, value: Tensor) -> Tensor:
    """Log density of `value`; through the base class, whose method is typed where its heirs' are not."""
    return distribution.log_prob(value)


def standard_normal_cdf(value: Tensor) -> Tensor:
    """P(eps <= value) for eps ~ N(0, 1)."""
    normal: Distribution = Normal(0.0, 1.0)
    return normal.cdf(value)
