"""The KL to a prior with a mean and a variance of its own at each latent, by its gradients at several heads.

d KL(N(mu, std^2) || N(m, v)) is (mu - m) / v by mu and std / v - 1 / std by std. The prior stays as it was recorded
while the heads are drawn, so that each element has one m and one v, and all have one weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_checked.auditor.measure.kl_fit import Drawn, OnTensors, close_in
from vae_checked.facts import Parametrisation
from vae_checked.mathematics.gaussians import head_of, std_of, std_slope_of

DRAWS = 3  # by the mean alone an element has two unknowns: a third draw can deny them


@dataclass(frozen=True, slots=True)
class LearnedPrior:
    """How the KL reads the posterior's head for std, the prior of each element, and the one weight of all."""

    parametrisation: Parametrisation
    mean: Tensor
    std: Tensor
    weight: float

    def near(self, like: Drawn) -> tuple[Tensor, Tensor]:
        """Heads of a posterior that is nearly the prior, in the shapes and dtypes of `like`."""
        second = head_of(self.parametrisation, 1.02 * self.std, OnTensors)
        return (self.mean + 0.02 * self.std).view_as(like.mu).to(like.mu), second.view_as(like.second).to(like.second)


def learned_prior(drawn: Sequence[Drawn], positive: bool) -> LearnedPrior | None:
    """The prior to which a term with these gradients is the KL; None where it is to none, or fewer than three draws."""
    if len(drawn) < DRAWS or any(each.by_mu.shape != each.by_second.shape for each in drawn):
        return None
    close = 4.0 * close_in(drawn[0].by_mu.dtype)
    mu, by_mu, s, by_s = (
        torch.stack([getattr(each, name).double().flatten() for each in drawn])
        for name in ("mu", "by_mu", "second", "by_second")
    )
    centred = mu - mu.mean(0)
    over_v = (centred * by_mu).sum(0) / centred.square().sum(0)  # the weight over v, of each element
    mean = mu.mean(0) - by_mu.mean(0) / over_v
    if not _alike(by_mu, over_v * (mu - mean), close):
        return None
    for kind in Parametrisation if positive else (Parametrisation.LOGVAR, Parametrisation.LOG_STD):
        std, slope = std_of(kind, s, OnTensors), std_slope_of(kind, s, OnTensors)
        weight = float(((over_v * std * slope - by_s) * std / slope).median())
        variance = weight / over_v
        if weight == 0 or not bool((variance > 0).all()):
            continue
        if _alike(by_s, weight * (std / variance - 1.0 / std) * slope, close):
            return LearnedPrior(kind, mean, variance.sqrt(), weight)
    return None


def _alike(found: Tensor, closed: Tensor, close: float) -> bool:
    return bool(torch.isfinite(closed).all()) and float((found - closed).abs().max()) <= close * float(
        found.abs().max()
    )
