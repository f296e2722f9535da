"""Special functions that the module math does not have, and the intervals of those that have poles."""

from __future__ import annotations

import math

from vae_checked.facts import REAL, Interval
from vae_checked.mathematics.interval_arithmetic import image

# Where the gamma function is least on the positive numbers.
_LEAST_GAMMA = 1.4616321449683623


def lgamma(x: float) -> float:
    """log |Gamma(x)|."""
    return math.lgamma(x)


def lgamma_interval(given: Interval) -> Interval | None:
    """The interval of `lgamma`; of what may be negative nothing is said."""
    if given.low < 0.0:
        return None
    return image(lgamma, given, domain=Interval(0.0, math.inf), limits=(math.inf, math.inf), turns=(_LEAST_GAMMA,))


def digamma(x: float) -> float:
    """The derivative of log Gamma, by recurrence and the asymptotic series; Abramowitz and Stegun 6.3.5, 6.3.18."""
    if x <= 0.0:
        if x == math.floor(x):
            raise ValueError("a pole of digamma")
        return digamma(1.0 - x) - math.pi / math.tan(math.pi * x)
    total = 0.0
    while x < 10.0:
        total -= 1.0 / x
        x += 1.0
    if math.isinf(x):
        return x
    y = 1.0 / (x * x)
    series = y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y * (1 / 132)))))
    return total + math.log(x) - 0.5 / x - series


def digamma_interval(given: Interval) -> Interval | None:
    """The interval of `digamma`, which increases on the positive numbers and takes every value between two poles."""
    if given.low >= 0.0:
        return image(digamma, given, domain=Interval(0.0, math.inf), limits=(-math.inf, math.inf))
    return REAL if given.width > 1.0 else None


def i0(x: float) -> float:
    """The modified Bessel function of the first kind and order 0, by its power series; Abramowitz and Stegun 9.6.12."""
    if math.isinf(x):
        return math.inf
    if abs(x) > 700.0:
        raise OverflowError("beyond the numbers")
    term = total = 1.0
    quarter, index = 0.25 * x * x, 1
    while term > 1e-17 * total:
        term *= quarter / (index * index)
        total += term
        index += 1
    return total


def erfinv(x: float) -> float:
    """The inverse of `math.erf`, by Newton's method from Winitzki's approximation."""
    if not -1.0 < x < 1.0:
        raise ValueError("erfinv is defined between -1 and 1")
    logs = math.log1p(-x * x)
    part = 2.0 / (math.pi * 0.147) + 0.5 * logs
    y = math.copysign(math.sqrt(math.sqrt(part * part - logs / 0.147) - part), x)
    for _ in range(4):
        y -= (math.erf(y) - x) * math.exp(y * y) * math.sqrt(math.pi) / 2.0
    return y
