"""The KL of a categorical posterior to the uniform prior: sum over the classes of q * (log q + log K)."""

from __future__ import annotations

import ast
import math
from functools import lru_cache

from vae_checked.linter.symbols.expression import Expr, strip, walk
from vae_checked.linter.symbols.numeric import Formula, Program, close, fit
from vae_checked.record import dataclass

# Probabilities to evaluate at, and what an unknown number, the count of classes as a rule, is taken for.
_PROBABILITIES = (0.07, 0.21, 0.48, 0.66, 0.91)
_CLASSES, _OTHERS = 7.0, 11.0
# The small numbers that people add inside of a logarithm show in the fourth digit.
_TOLERANCE = 1e-3
# The log of the number of classes is smaller than this.
_MOST_CONSTANT = 30.0
_MOST_KEPT = 512


@dataclass(frozen=True, slots=True)
class Categorical:
    """The signed factor with which a term is a KL; `offset` where 1 / K stands in it for log(1 / K)."""

    factor: float
    offset: bool = False


def read(term: Expr, q: Expr, scalars: list[int]) -> Categorical | None:
    """How `term` is a KL of the probabilities `q`, None when it is none.

    Without the log K it is an entropy, of which more or less may be wanted. With a quotient 1 / K in its place it tries
    to be the KL, where what it is taken of is known to be probabilities.
    """
    if _is_of_parameters(q):
        # The shares of a mixture are of no input: that they are kept alike is no KL of a posterior.
        return None
    formula = Program(term, (*scalars, q.uid)).formula
    found = _coefficients(formula, len(scalars), _CLASSES)
    if found is None:
        return None
    factor, of_q, alone = found
    if (of_q + alone) / factor >= math.log(2.0) - _TOLERANCE:
        return Categorical(factor)
    if close(alone, 0.0) and strip(q).op == "softmax" and _has_quotient(term) and of_q:
        classes = -factor / of_q
        others = _coefficients(formula, len(scalars), _OTHERS) if scalars else None
        named = others is not None and close(classes, _CLASSES) and close(-others[0] / others[1], _OTHERS)
        counted = not scalars and classes > 1.5 and close(classes, round(classes))
        return Categorical(factor, offset=True) if named or counted else None
    return None


def _is_of_parameters(q: Expr) -> bool:
    """Whether nothing but parameters of a model makes probabilities."""
    leaves = {node.op for node in walk(q) if not node.args}
    return "parameter" in leaves and leaves <= {"parameter", "const"}


@lru_cache(maxsize=_MOST_KEPT)
def _coefficients(formula: Formula, scalars: int, size: float) -> tuple[float, float, float] | None:
    """What a formula takes of q log q, of q and of 1, where it takes nothing else.

    `size` stands for each of its `scalars`, the numbers that are not known. It is read once for all formulas that
    differ in their leaves alone.
    """
    sizes = [size] * scalars
    values = [formula(*sizes, p) for p in _PROBABILITIES]
    if not all(map(math.isfinite, values)):
        return None
    rows = [(p * math.log(p), p, 1.0) for p in _PROBABILITIES]
    coefficients = fit(rows[:3], values[:3])
    if coefficients is None or abs(coefficients[0]) < max(_TOLERANCE, abs(coefficients[2]) / _MOST_CONSTANT):
        # Nearly a number: of a schedule of training the curve fits in the digits that are left.
        return None
    for row, value in zip(rows, values, strict=True):
        if not close(sum(x * y for x, y in zip(row, coefficients, strict=True)), value, _TOLERANCE):
            return None
    first, second, third = coefficients
    return first, second, third


def _has_quotient(term: Expr) -> bool:
    """Whether a division of 1 is written in a formula."""
    written = (node.site.node for node in walk(term) if node.site is not None)
    quotients = (node for node in written if isinstance(node, ast.BinOp))
    return any(
        isinstance(part, ast.BinOp)
        and isinstance(part.op, ast.Div)
        and isinstance(part.left, ast.Constant)
        and part.left.value == 1
        for node in quotients
        for part in (node, node.left, node.right)
    )
