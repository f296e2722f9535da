"""The effective beta from the weights of both terms, the sizes that make it, and what it costs a latent to be used."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_checked.facts import EffectiveBeta, Likelihood, Quantity
from vae_checked.mathematics.effective_beta import BATCH, elements, latents
from vae_checked.monitor.reading import Balance
from vae_checked.record import replace

_CLOSE = 2e-3


@dataclass(frozen=True, slots=True)
class Sizes:
    """The elements of a sample, its latents and the samples of a batch; 0 where one is not known."""

    elements: int
    latents: int
    batch: int


def balance_of(kl: float, recon: float, error: Likelihood, sizes: Sizes) -> Balance | None:
    """The ratio of both weights, and the sizes whose product it is; None where the error has no weight."""
    if recon == 0 or not math.isfinite(kl / recon):
        return None
    beta = kl / recon
    found = _expression(beta, sizes)
    return Balance(beta, EffectiveBeta(float(f"{beta:.4g}")) if found is None else found, sizes.batch, error.value)


def _expression(beta: float, sizes: Sizes) -> EffectiveBeta | None:
    """The sizes, or their inverses, whose product is `beta`; the fewest that do, None where none do."""
    if math.isclose(beta, 1.0, rel_tol=_CLOSE):
        return EffectiveBeta(1.0)
    known = (
        (elements(float(sizes.elements)), sizes.elements, (0, 1)),
        (latents(float(sizes.latents)), sizes.latents, (0, -1)),
        (Quantity(BATCH, 1, None, "batch size"), sizes.batch, (0, 1, -1)),
    )
    choices = itertools.product(*(powers if size > 1 else (0,) for _, size, powers in known))
    # Sizes may agree by chance; those of the data and the model are then likelier meant than the batch's.
    for chosen in sorted(choices, key=lambda each: (sum(map(abs, each)), [-abs(power) for power in each])):
        pairs = [(each, size, power) for (each, size, _), power in zip(known, chosen, strict=True) if power]
        if pairs and math.isclose(math.prod(float(size) ** power for _, size, power in pairs), beta, rel_tol=_CLOSE):
            return EffectiveBeta(1.0, tuple(replace(each, power=power) for each, _, power in pairs))
    return None


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
