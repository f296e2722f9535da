"""Closed forms of diagonal Gaussians, and what a head for std means: once, for plain numbers and for tensors.

The functions that end in `_of` are also given what has `exp`, `log` and `sqrt` for their argument: `math` for floats.
Formulas: Kingma and Welling 2014, appendix B, https://arxiv.org/abs/1312.6114.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from typing import Protocol, TypeVar

from vae_checked.facts import Parametrisation
from vae_checked.record import dataclass, replace

N = TypeVar("N", bound="Arithmetic")


class Arithmetic(Protocol):
    """What a formula does with its values; floats and tensors do it."""

    def __add__(self: N, other: N | float, /) -> N: ...
    def __sub__(self: N, other: N | float, /) -> N: ...
    def __mul__(self: N, other: N | float, /) -> N: ...
    def __truediv__(self: N, other: N | float, /) -> N: ...


class Functions(Protocol[N]):
    """The functions that a formula needs besides; `math` and `torch` have them."""

    def exp(self, x: N, /) -> N:
        """e to the power of x."""

    def log(self, x: N, /) -> N:
        """The natural logarithm of x."""

    def sqrt(self, x: N, /) -> N:
        """The root of x."""


def std_of(kind: Parametrisation, s: N, of: Functions[N]) -> N:
    """Sigma at a head for std s; on floats ValueError or OverflowError where it has none."""
    match kind:
        case Parametrisation.LOGVAR:
            return of.exp(s * 0.5)
        case Parametrisation.LOG_STD:
            return of.exp(s)
        case Parametrisation.STD:
            return s
        case Parametrisation.VAR:
            return of.sqrt(s)


def std_slope_of(kind: Parametrisation, s: N, of: Functions[N]) -> N:
    """The derivative of sigma by the head for std."""
    match kind:
        case Parametrisation.LOGVAR:
            return of.exp(s * 0.5) * 0.5
        case Parametrisation.LOG_STD:
            return of.exp(s)
        case Parametrisation.STD:
            return s * 0.0 + 1.0
        case Parametrisation.VAR:
            root = of.sqrt(s)
            return root / (root * root) * 0.5


def head_of(kind: Parametrisation, std: N, of: Functions[N]) -> N:
    """The head for std at which sigma is `std`: the inverse of `std_of`."""
    match kind:
        case Parametrisation.LOGVAR:
            return of.log(std) * 2.0
        case Parametrisation.LOG_STD:
            return of.log(std)
        case Parametrisation.STD:
            return std
        case Parametrisation.VAR:
            return std * std


def gaussian_kl_of(mu: N, std: N, of: Functions[N]) -> N:
    """KL(N(mu, std^2) || N(0, 1)) of one latent, in nats."""
    return (std * std + mu * mu - 1.0) * 0.5 - of.log(std)


def reversed_gaussian_kl_of(mu: N, std: N, of: Functions[N]) -> N:
    """KL(N(0, 1) || N(mu, std^2)) of one latent, in nats: the arguments of `gaussian_kl_of` swapped."""
    return (mu * mu + 1.0) / (std * std) * 0.5 - 0.5 + of.log(std)


def kl_slopes_of(kind: Parametrisation, is_reversed: bool, mu: N, s: N, of: Functions[N]) -> tuple[N, N]:
    """(d KL / d mu, d KL / d s) of one latent, by the chain rule; of the reversed KL where `is_reversed`."""
    std, by_s = std_of(kind, s, of), std_slope_of(kind, s, of)
    variance = std * std
    if is_reversed:
        return mu / variance, (std / variance - (mu * mu + 1.0) / (variance * std)) * by_s
    return mu, (std - std / variance) * by_s


def std_at(kind: Parametrisation, s: float) -> float:
    """Sigma at a number s.

    >>> [round(std_at(kind, 0.25), 3) for kind in Parametrisation]
    [1.133, 1.284, 0.25, 0.5]
    """
    return std_of(kind, s, math)


def gaussian_kl(mu: float, std: float) -> float:
    """`gaussian_kl_of` numbers."""
    return gaussian_kl_of(mu, std, math)


def reversed_gaussian_kl(mu: float, std: float) -> float:
    """`reversed_gaussian_kl_of` numbers."""
    return reversed_gaussian_kl_of(mu, std, math)


def prior_head(kind: Parametrisation) -> float:
    """The head for std at which sigma is 1."""
    return head_of(kind, 1.0, math)


def fit_std(points: Iterable[tuple[float, float]], close: float, floor: float = 0.0) -> Parametrisation | None:
    """The parametrisation that gives sigma at all points (s, sigma), up to `close` times sigma plus `floor`.

    At least three points have to lie where it has a sigma: a std and a variance are looked at where s is positive.
    """
    found = list(points)
    for kind in Parametrisation:
        half_line = kind in (Parametrisation.STD, Parametrisation.VAR)
        pairs = []
        with suppress(ValueError, OverflowError):
            pairs = [(std_at(kind, s), std) for s, std in found if s > 0 or not half_line]
        if len(pairs) >= 3 and all(abs(std - wanted) <= close * abs(wanted) + floor for wanted, std in pairs):
            return kind
    return None


@dataclass(frozen=True, slots=True)
class FittedKL:
    """The closed form that values belong to: how it reads the head for std, whether it is reversed, and its factor."""

    parametrisation: Parametrisation
    is_reversed: bool
    factor: float


def fit_kl(heads: tuple[tuple[float, float], ...], values: Sequence[float], close: float) -> FittedKL | None:
    """The closed form of which the values at some heads (mu, s) are a multiple, up to a constant.

    `close` is the error allowed, relative to the largest difference. A constant is left open: it changes no gradient.
    """
    for fitted, closed in _closed_forms(heads):
        factor = _factor(values, closed, close)
        if factor is not None:
            return replace(fitted, factor=factor)
    return None


@cache
def _closed_forms(heads: tuple[tuple[float, float], ...]) -> list[tuple[FittedKL, list[float]]]:
    """Every closed form that has a value at all the heads, with these values."""
    found = []
    for is_reversed, kl in ((False, gaussian_kl), (True, reversed_gaussian_kl)):
        for kind in Parametrisation:
            with suppress(ValueError, OverflowError, ZeroDivisionError):
                values = [kl(mu, std_at(kind, s)) for mu, s in heads]
                found.append((FittedKL(kind, is_reversed, 1.0), values))
    return found


def _factor(values: Sequence[float], closed: Sequence[float], close: float) -> float | None:
    """The one factor between the differences of values and of the closed form; None where there is none."""
    steps = [value - closed[0] for value in closed[1:]]
    largest = max(range(len(steps)), key=lambda place: abs(steps[place]))
    base = values[0]
    factor = (values[largest + 1] - base) / steps[largest]
    if not math.isfinite(factor) or factor == 0.0:
        return None
    scale = close * abs(factor * steps[largest])
    fits = (abs(value - base - factor * step) <= scale for value, step in zip(values[1:], steps, strict=True))
    return factor if all(fits) else None
