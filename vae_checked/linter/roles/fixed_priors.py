"""The KL to a Gaussian prior that is given as numbers and is not N(0, 1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from functools import cache

from vae_checked.facts import Parametrisation
from vae_checked.linter.symbols.numeric import close, fit
from vae_checked.mathematics.gaussians import std_at
from vae_checked.record import dataclass

_LEAST = 1e-3
# The variance that a prior would have where a KL to N(0, 1) lacks a 1/2 or a square, has a small factor too many, or a
# logarithm to the base 10 or 2.
_OF_MISTAKES = (1 / 4, 1 / 3, 1 / 2, 2.0, 3.0, 4.0, 1 / math.log(10), 1 / math.log(2))


@dataclass(frozen=True, slots=True)
class FixedPrior:
    """factor * KL(N(mu, std^2) || p), std as `parametrisation` has it, p a Gaussian given as numbers."""

    parametrisation: Parametrisation
    factor: float


def read(heads: tuple[tuple[float, float], ...], values: Sequence[float], *, known: bool) -> FixedPrior | None:
    """The KL to a fixed prior that has these values at some heads (mu, s); None where it is none, or to N(0, 1).

    Its terms are those of `(std^2 + (mu - m)^2) / v / 2 - log std`, with a constant that may be left out unless the
    prior is not `known`, or v is what a mistake in the KL to N(0, 1) looks like: then it is (log v - n) / 2, where n
    counts what is subtracted for each latent.
    """
    for kind, rows in _terms(heads):
        coefficients = fit(rows, values)
        if coefficients is None:
            continue
        constant, linear, square, spread, factor = *coefficients[:4], -coefficients[4]
        if abs(factor) < _LEAST or square * factor <= 0 or not close(square, spread):
            continue
        variance, mean = factor / (2.0 * square), -linear / (2.0 * square)
        if close(variance, 1.0) and (known or abs(mean) < _LEAST):
            return None
        subtracted = math.log(variance) + mean * mean / variance - 2.0 * constant / factor
        is_whole = abs(subtracted - round(subtracted)) < _LEAST
        if is_whole or (known and not any(close(variance, other) for other in _OF_MISTAKES)):
            return FixedPrior(kind, factor)
    return None


@cache
def _terms(heads: tuple[tuple[float, float], ...]) -> list[tuple[Parametrisation, list[tuple[float, ...]]]]:
    """The terms of a KL at some heads, for each parametrisation that has a std at all of them."""
    found: list[tuple[Parametrisation, list[tuple[float, ...]]]] = []
    for kind in Parametrisation:
        with suppress(ValueError, OverflowError, ZeroDivisionError):
            stds = [(mu, std_at(kind, s)) for mu, s in heads]
            found.append((kind, [(1.0, mu, mu * mu, std * std, math.log(std)) for mu, std in stds]))
    return found
