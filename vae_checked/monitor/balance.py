"""The effective beta from the weights of both terms, the sizes that make it, and what it costs a latent to be used."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import torch
from torch import Tensor

from vae_checked.facts import Likelihood
from vae_checked.monitor.reading import Balance

_CLOSE = 2e-3


def balance_of(kl: float, recon: float, error: Likelihood, sizes: Mapping[str, int]) -> Balance | None:
    """The ratio of both weights, and the product of `sizes` that it is; None where the error has no weight."""
    if recon == 0 or not math.isfinite(kl / recon):
        return None
    beta = kl / recon
    return Balance(beta, _factors(beta, sizes), error.value)


def _factors(beta: float, sizes: Mapping[str, int]) -> tuple[tuple[str, float], ...]:
    """The sizes, or their inverses, whose product is `beta`; the fewest that do, none where none do."""
    powers = {"elements of x": (0, 1), "latents": (0, -1), "batch": (0, 1, -1)}
    names = [name for name in powers if sizes.get(name, 1) > 1]
    # Sizes may agree by chance; those of the data and the model are then likelier meant than the batch's.
    choices = sorted(
        itertools.product(*(powers[name] for name in names)),
        key=lambda each: (sum(map(abs, each)), [-abs(power) for power in each]),
    )
    for chosen in choices:
        found = [(name, float(sizes[name]) ** power) for name, power in zip(names, chosen, strict=True) if power]
        if math.isclose(math.prod(value for _, value in found), beta, rel_tol=_CLOSE):
            return tuple((name if value > 1 else f"1 / {sizes[name]} {name}", value) for name, value in found)
    return ()


def largest_variance(data: Tensor, error: Likelihood) -> float | None:
    """The largest principal variance of the data in units of the error; above the effective beta a latent pays off.

    Near the data's mean the error is h/2 times a square, with h = 2 for the squared error and 1/(m(1-m)) for the cross
    entropy. A linear VAE then leaves the prior along a direction exactly where h times its variance exceeds beta:
    Lucas, Tucker, Grosse and Norouzi 2019, section 4, after Tipping and Bishop 1999. None for errors without such an h.
    """
    x = data.detach().double().flatten(1)
    if len(x) < 2:
        return None
    mean = x.mean(0)
    if error is Likelihood.MSE:
        scaled = math.sqrt(2.0) * (x - mean)
    elif error in (Likelihood.BCE, Likelihood.BCE_WITH_LOGITS):
        curvature = mean * (1.0 - mean)
        if not bool((curvature >= 0).all()):
            return None
        scaled = torch.where(curvature > 0, (x - mean) / curvature.clamp_min(1e-12).sqrt(), 0.0)
    else:
        return None
    return float(torch.linalg.eigvalsh(scaled @ scaled.T / len(x))[-1])
