"""What the values of a formula of two heads say of it: a closed form of the KL, an attempt at one, or neither.

The values depend on how the formula is written and on nothing else, so that formulas which differ in their leaves
alone, in one evaluation or in many, are evaluated once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache

from vae_checked.facts import Parametrisation
from vae_checked.linter.roles import attempts, drawn_densities, fixed_priors
from vae_checked.linter.roles.drawn_densities import QUADRATURE
from vae_checked.linter.symbols.numeric import Formula, close
from vae_checked.mathematics.gaussians import fit_kl, gaussian_kl, std_at
from vae_checked.record import dataclass

Shown = tuple[tuple[float, float, float, float], ...]
_CLOSE = 1e-5
# What stands for a number that does not weigh the whole: the variance or the std of a prior.
_OF_PRIOR = 0.7
SHOWN = ((0.0, 1.0), (0.7, 0.5), (-0.4, 2.0))
# Where a logarithm may lie as well, and a std or a variance may not.
_BELOW = ((0.6, -0.4), (-0.3, -1.7))
_LOGARITHMS = frozenset((Parametrisation.LOGVAR, Parametrisation.LOG_STD))
_MOST_KEPT = 512


@dataclass(frozen=True, slots=True)
class KLOfHeads:
    """What a formula is of its two heads: the fields are those of a `Divergence`."""

    parametrisation: Parametrisation | None
    factor: float
    values: Shown
    prior: bool = False
    reversed: bool = False
    squareless: bool = False
    entropyless: bool = False


@lru_cache(maxsize=_MOST_KEPT)
def read(formula: Formula, scalars: int, draws: int) -> KLOfHeads | None:
    """How a formula of so many numbers, a mean, a head for std and draws from N(0, 1) is a KL, or tries to be one."""
    ones = [1.0] * scalars

    def value(m: float, s: float) -> float:
        if not draws:
            return formula(*ones, m, s)
        # The expectation over eps, exact for the squares in a log density.
        return sum(weight * formula(*ones, m, s, eps) for eps, weight in QUADRATURE)

    # Where no number is open there is none to be doubled: the formula is valued only where it has to be.
    points = [(*sample, *([0.0] * draws)) for sample in attempts.samples()[:3]] if scalars else []
    plain = [formula(*ones, *point) for point in points]
    doubled = [[formula(*_with_two(ones, place), *point) for point in points] for place in range(scalars)]
    no_weights = [place for place, then in enumerate(doubled) if not _scales(then[0], plain[0])]
    of_prior = [place for place in no_weights if not _shifts(doubled[place], plain)]
    if of_prior and len(no_weights) > 1:
        # A mean and a width that an object has may be heads as well.
        return None
    for place in of_prior:
        ones[place] = _OF_PRIOR
    values: list[float] = []
    for m, s in attempts.samples():
        values.append(value(m, s))
        if not math.isfinite(values[-1]):
            return None
    fitted = None if of_prior else fit_kl(attempts.samples(), values, _CLOSE)
    if fitted is not None:
        kind, factor = fitted.parametrisation, fitted.factor
        if kind in _LOGARITHMS and not fitted.is_reversed and not _holds_below(value, kind, factor):
            shown = shown_beside(value, kind, factor, _BELOW)
            return KLOfHeads(None, factor, shown) if shown else None
        return KLOfHeads(kind, factor, shown_beside(value, kind, factor), reversed=fitted.is_reversed)
    other = fixed_priors.read(attempts.samples(), values, known=not (of_prior or draws))
    if other is not None:
        return KLOfHeads(other.parametrisation, other.factor, (), prior=True)
    if of_prior:
        return None
    if draws:
        drawn = drawn_densities.read(lambda *at: formula(*ones, *at))
        if drawn is None:
            return None
        shown = shown_beside(value, drawn.parametrisation or drawn.drawn, drawn.factor)
        return KLOfHeads(drawn.parametrisation, drawn.factor, shown)
    # No closed form: whether it tries to be one follows from the terms that it has.
    tried = attempts.read(values)
    if tried is None:
        return None
    shown = shown_beside(value, tried.nearest, tried.factor)
    return KLOfHeads(
        tried.parametrisation, tried.factor, shown, squareless=tried.squareless, entropyless=tried.entropyless
    )


def _with_two(ones: list[float], place: int) -> list[float]:
    return [*ones[:place], 2.0, *ones[place + 1 :]]


def _scales(doubled: float, value: float) -> bool:
    """Whether a number that was doubled is a weight: the whole term doubles or halves with it."""
    return close(doubled, 2.0 * value) or close(doubled, 0.5 * value)


def _shifts(doubled: list[float], values: list[float]) -> bool:
    """Whether a number that was doubled is added: the whole term is larger by the same everywhere, and as good a KL."""
    first, *others = (then - value for then, value in zip(doubled, values, strict=True))
    return all(close(first, other) for other in others)


def _holds_below(value: Callable[[float, float], float], kind: Parametrisation, factor: float) -> bool:
    """Whether a formula that is a KL of a logarithm above 0 is the same one below, up to the same constant."""
    above, below = (shown_beside(value, kind, factor, at) for at in (SHOWN[:1], _BELOW))
    constant = sum(own - exact for _, _, own, exact in above)
    return len(below) == len(_BELOW) and all(close(own - constant, exact, 1e-3) for _, _, own, exact in below)


def shown_beside(
    value: Callable[[float, float], float],
    kind: Parametrisation,
    factor: float,
    points: tuple[tuple[float, float], ...] = SHOWN,
) -> Shown:
    """What is shown of a formula: (mu, s, its value / factor, the KL), where both have a value."""
    shown = []
    for m, s in points:
        with suppress(ValueError, OverflowError, ZeroDivisionError):
            shown.append((m, s, value(m, s) / factor, gaussian_kl(m, std_at(kind, s))))
    return tuple(shown)
