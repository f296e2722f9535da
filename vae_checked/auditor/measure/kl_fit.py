"""Which closed form of a KL a gradient belongs to, by its values alone.

The linter fits the values of a formula; the auditor has a loss in which other terms stand beside the KL, and fits its
gradient by the heads, where these have none. The closed forms are those of `mathematics.gaussians`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_checked.facts import Parametrisation
from vae_checked.mathematics.gaussians import kl_slopes_of, std_of, std_slope_of

CLOSE = 2e-3


class OnTensors:
    """The functions of a formula on tensors; type checkers do not take the module `torch` itself for them."""

    exp = staticmethod(torch.exp)
    log = staticmethod(torch.log)
    sqrt = staticmethod(torch.sqrt)


def close_in(dtype: torch.dtype) -> float:
    """The relative error within which two numbers that were computed in `dtype` are taken as one."""
    return max(CLOSE, 8.0 * float(torch.finfo(dtype).eps))


@dataclass(frozen=True, slots=True)
class Drawn:
    """Drawn heads, and the gradients of the loss by them."""

    mu: Tensor
    second: Tensor
    by_mu: Tensor
    by_second: Tensor

    @property
    def swapped(self) -> Drawn:
        """The same with the heads swapped."""
        return Drawn(self.second, self.mu, self.by_second, self.by_mu)

    @property
    def flat(self) -> bool:
        """Whether the loss does not change with the heads at all."""
        return float(self.by_mu.abs().max()) == 0 and float(self.by_second.abs().max()) == 0


def fit(
    drawn: Sequence[Drawn], positive: bool, close: float | None = None
) -> tuple[Parametrisation, bool, float] | None:
    """The closed form with one factor for all of `drawn`: its parametrisation, whether it is reversed, the factor.

    `close` is the relative error allowed, by default that of the gradients' dtype.
    """
    if close is None:
        close = close_in(drawn[0].by_mu.dtype)
    for is_reversed in (False, True):
        for kind in Parametrisation:
            if kind is Parametrisation.VAR and not positive:
                continue
            weights = [weight_of(draw, kind, is_reversed, close) for draw in drawn]
            first, *rest = weights
            if first is None:
                continue
            if all(other is not None and math.isclose(first, other, rel_tol=close) for other in rest):
                return kind, is_reversed, first
    return None


def weight_of(draw: Drawn, kind: Parametrisation, is_reversed: bool, close: float | None = None) -> float | None:
    """The one factor between the measured gradients and the closed form's, None where there is none."""
    if draw.mu.dim() != draw.second.dim():
        return None  # the head for std is that of a whole covariance
    by_mu, by_second = kl_slopes_of(kind, is_reversed, draw.mu.double(), draw.second.double(), OnTensors)
    if by_mu.shape != draw.by_mu.shape or by_second.shape != draw.by_second.shape:
        return None
    closed = torch.cat([by_mu.flatten(), by_second.flatten()])
    found = torch.cat([draw.by_mu.double().flatten(), draw.by_second.double().flatten()])
    weight = float(closed @ found / (closed @ closed))
    if not math.isfinite(weight) or weight == 0:
        return None
    left = (found - weight * closed).abs().max() / (weight * closed).abs().max()
    return weight if float(left) <= (close_in(draw.by_mu.dtype) if close is None else close) else None


def fixed_prior(drawn: Sequence[Drawn], positive: bool) -> tuple[float, float] | None:
    """Mean and variance of the normal prior to which the term is the KL, one number each; None where it is to none.

    d KL(N(mu, std^2) || N(m, v)) is (mu - m) / v by mu and std / v - 1 / std by std. A variance of 2 or 1/2 is that of
    a formula that lost the 1/2 of one of its terms.
    """
    kinds = list(Parametrisation) if positive else [Parametrisation.LOGVAR, Parametrisation.LOG_STD]
    for kind in kinds:
        rows, found = [], []
        for each in drawn:
            mu, s = each.mu.double().flatten(), each.second.double().flatten()
            std, by_s = std_of(kind, s, OnTensors), std_slope_of(kind, s, OnTensors)
            nothing, one = torch.zeros_like(mu), torch.ones_like(mu)
            rows += [torch.stack([mu, -one, nothing], 1), torch.stack([std * by_s, 0 * s, -by_s / std], 1)]
            found += [each.by_mu.double().flatten(), each.by_second.double().flatten()]
        a, b = torch.cat(rows), torch.cat(found)
        solution = torch.linalg.lstsq(a, b.unsqueeze(1)).solution.squeeze(1)
        over_v, m_over_v, weight = (float(number) for number in solution)
        if weight <= 0 or over_v <= 0 or float((a @ solution - b).abs().max()) > CLOSE * float(b.abs().max()):
            continue
        mean, variance = round(m_over_v / over_v, 4) + 0.0, round(weight / over_v, 4)  # no -0
        if not 1e-3 < variance < 1e3:
            continue
        lost_half = mean == 0 and any(math.isclose(variance, v, rel_tol=1e-3) for v in (2.0, 0.5))
        return None if lost_half else (mean, variance)
    return None


def nearest_form(draw: Drawn, positive: bool) -> tuple[Parametrisation, bool, float, float]:
    """The closed form that comes nearest, whether it is reversed, its factor, and what is left, relatively."""
    kinds = list(Parametrisation) if positive else [Parametrisation.LOGVAR, Parametrisation.LOG_STD]
    found = torch.cat([draw.by_mu.double().flatten(), draw.by_second.double().flatten()])
    forms = []
    for kind in kinds:
        for is_reversed in (False, True):
            by_mu, by_second = kl_slopes_of(kind, is_reversed, draw.mu.double(), draw.second.double(), OnTensors)
            closed = torch.cat([by_mu.flatten(), by_second.flatten()])
            weight = float(closed @ found / (closed @ closed)) or 1.0
            forms.append((kind, is_reversed, weight, float((found - weight * closed).norm() / found.norm())))
    return min(forms, key=lambda form: form[3])
