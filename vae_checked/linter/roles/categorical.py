"""The KL of a categorical posterior to the uniform prior: sum over the classes of q * (log q + log K)."""

from __future__ import annotations

import math

from vae_checked.linter.symbols.expression import Expr
from vae_checked.linter.symbols.numeric import Program, close, fit

# Probabilities to evaluate at, and what an unknown number, the count of classes as a rule, is taken for.
_PROBABILITIES = (0.07, 0.21, 0.48, 0.66, 0.91)
_CLASSES = 7.0
# The small numbers that people add inside of a logarithm show in the fourth digit.
_TOLERANCE = 1e-3


def factor(term: Expr, q: Expr, scalars: list[int]) -> float | None:
    """The signed factor with which `term` is a KL of the probabilities `q`, None when it is none.

    Without the log K it is an entropy, of which more or less may be wanted.
    """
    program = Program(term, (*scalars, q.uid))
    sizes = dict.fromkeys(scalars, _CLASSES)
    values = [program({**sizes, q.uid: p}) for p in _PROBABILITIES]
    if not all(map(math.isfinite, values)):
        return None
    rows = [(p * math.log(p), p, 1.0) for p in _PROBABILITIES]
    coefficients = fit(rows[:3], values[:3])
    if coefficients is None:
        return None
    found, *rest = coefficients
    for row, value in zip(rows, values, strict=True):
        if not close(sum(x * y for x, y in zip(row, coefficients, strict=True)), value, _TOLERANCE):
            return None
    if abs(found) < _TOLERANCE or sum(rest) / found < math.log(2.0) - _TOLERANCE:
        return None
    return found
