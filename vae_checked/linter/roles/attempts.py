"""What tries to be a KL and is none: known by the terms of the closed forms that a formula has and lacks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

from vae_checked.facts import Parametrisation
from vae_checked.linter.symbols.numeric import close, fit, points
from vae_checked.record import dataclass

# The constant of the closed form is half the factor; what was forgotten or written twice changes it a few times.
_MOST_CONSTANT = 100.0
_Term = Callable[[float, float], float]
_SHARED: tuple[_Term, ...] = (
    lambda m, s: 1.0,
    lambda m, s: m,
    lambda m, s: m * m,
    lambda m, s: s,
    lambda m, s: s * s,
    lambda m, s: math.exp(s),
    lambda m, s: math.log(s),
)
_ONE, _M, _M2, _S, _S2, _ES, _LOGS, _EXP = range(8)
# The last term is exp(2 s), or exp(s / 2), which is the std of a log variance: both at once are in no attempt.
_OF_LOG_STD, _OF_STD = 2.0, 0.5
# Coefficients of the head for std's terms in the closed form, mu^2 having 1/2.
_CLOSED: dict[Parametrisation, dict[int, float]] = {
    Parametrisation.LOGVAR: {_S: -0.5, _ES: 0.5},
    Parametrisation.LOG_STD: {_S: -1.0, _EXP: 0.5},
    Parametrisation.STD: {_LOGS: -1.0, _S2: 0.5},
    Parametrisation.VAR: {_LOGS: -0.5, _S: 0.5},
}
# The constant of the closed form of what is read as a log.
_CONSTANT = -0.5


@dataclass(frozen=True, slots=True)
class Attempt:
    """A formula with terms of a KL: `factor` times that of a parametrisation, None for the KL of none.

    `nearest` is the parametrisation whose terms it uses. It may lack the square of the mean, or all that depends on the
    head for std as the entropy does.
    """

    parametrisation: Parametrisation | None
    factor: float
    nearest: Parametrisation
    squareless: bool = False
    entropyless: bool = False


@cache
def samples() -> tuple[tuple[float, float], ...]:
    """The (mu, s) at which `read` wants the values of a formula."""
    count = 2 * (len(_SHARED) + 1)
    locations, heads = points(11, count, -1.7, 2.3), points(23, count, 0.25, 2.6)
    return tuple((locations[(7 * index + 3) % count], heads[index]) for index in range(count))


@cache
def _rows(rate: float) -> tuple[tuple[float, ...], ...]:
    return tuple((*(term(m, s) for term in _SHARED), math.exp(rate * s)) for m, s in samples())


def read(values: Sequence[float]) -> Attempt | None:
    """What a formula with these values at the `samples` tries to be; None for no KL."""
    coefficients = fit(_rows(_OF_LOG_STD), values)
    if coefficients is None:
        coefficients = fit(_rows(_OF_STD), values)
        found = None if coefficients is None else _of_std(coefficients)
    else:
        found = _classify(coefficients) or _without_entropy(coefficients)
    if found is None or coefficients is None or abs(coefficients[_ONE]) > _MOST_CONSTANT * abs(found.factor):
        # Nearly a number: a schedule of training has the terms of a KL in its seventh digit.
        return None
    return found


def _of_std(coefficients: list[float]) -> Attempt | None:
    """A log variance beside its std, where the variance is meant."""
    found = _classify(coefficients)
    if found is None or found.parametrisation is not None or not coefficients[_EXP] or coefficients[_LOGS]:
        return None
    return Attempt(None, found.factor, Parametrisation.LOGVAR, squareless=found.squareless)


def _without_entropy(coefficients: list[float]) -> Attempt | None:
    """mu^2 and the variance of a log, each half, and the constant of the KL: the logarithm alone is missing."""
    factor = 2.0 * coefficients[_M2]
    spread = {index: coefficients[index] for index in (_S, _S2, _ES, _LOGS, _EXP) if coefficients[index]}
    if not factor or coefficients[_M] or len(spread) != 1 or not close(coefficients[_ONE] / factor, _CONSTANT):
        return None
    (index, variance) = next(iter(spread.items()))
    if index not in (_ES, _EXP) or not close(variance / factor, 0.5):
        return None
    nearest = Parametrisation.LOGVAR if index == _ES else Parametrisation.LOG_STD
    return Attempt(None, factor, nearest, entropyless=True)


def _classify(coefficients: list[float]) -> Attempt | None:
    """What a formula is by its coefficients; None when it is no attempt at a KL."""
    square, linear = coefficients[_M2], coefficients[_M]
    spread = {index: coefficients[index] for index in (_S, _S2, _ES, _EXP, _LOGS) if coefficients[index]}
    if square == 0.0 and linear == 0.0:
        return None
    nearest = _nearest(coefficients)
    if square:
        factor = 2.0 * square
        scaled = {index: value / factor for index, value in spread.items()}
        for parametrisation, closed in _CLOSED.items():
            if scaled.keys() == closed.keys() and all(close(scaled[index], closed[index]) for index in closed):
                return Attempt(parametrisation, factor, parametrisation)
        for closed in _CLOSED.values():
            if scaled.keys() == closed.keys() and all(close(abs(scaled[at]), abs(closed[at])) for at in closed):
                # Every term has its size, one of them the wrong sign: that of mu^2 where all others are against it.
                is_turned = all(close(scaled[at], -closed[at]) for at in closed)
                return Attempt(None, -factor if is_turned else factor, nearest)
    entropy = spread.get(_S) if _ES in spread or _EXP in spread else spread.get(_LOGS)
    variance = spread.get(_ES) or spread.get(_EXP) or (spread.get(_S2) or spread.get(_S) if _LOGS in spread else None)
    if not entropy or not variance or entropy * variance > 0 or len(spread) > 3:
        return None
    weight = square or linear
    if weight * variance < 0 and not _proportional(spread):
        return None
    factor = 2.0 * square if square else 2.0 * variance
    return Attempt(None, -factor if weight * variance < 0 and square else factor, nearest, squareless=not square)


def _proportional(spread: dict[int, float]) -> bool:
    """Whether the head for std's terms alone are those of a closed form: the sign of mu^2 is what is wrong then."""
    for closed in _CLOSED.values():
        if spread.keys() == closed.keys():
            ratios = [spread[index] / closed[index] for index in closed]
            if close(ratios[0], ratios[-1]):
                return True
    return False


def _nearest(coefficients: list[float]) -> Parametrisation:
    """The parametrisation whose terms a formula uses."""
    if coefficients[_LOGS]:
        return Parametrisation.STD if coefficients[_S2] else Parametrisation.VAR
    return Parametrisation.LOG_STD if coefficients[_EXP] else Parametrisation.LOGVAR
