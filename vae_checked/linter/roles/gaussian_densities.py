"""The density of data around a mean, with a log variance of its own, written as a formula: log v + (x - mean)^2 / v.

It is found by its values: what it changes by with the difference is one over the variance whose logarithm it has.
"""

from __future__ import annotations

import math

from vae_checked.linter.roles.logarithms import near
from vae_checked.linter.roles.samplers import is_scalar
from vae_checked.linter.symbols.expression import (
    ELEMENTWISE,
    REDUCTIONS,
    Expr,
    elementwise,
    is_formula,
    is_square,
    strip,
)
from vae_checked.linter.symbols.numeric import Program, close, finite, leaves, settled
from vae_checked.record import dataclass

_MAX_NEAR, _LEAST, _HALF = 24, 1e-6, 0.5
_HEADS = (-0.9, -0.4, 0.3, 0.8)


@dataclass(frozen=True, slots=True)
class Density:
    """The difference whose density a sum is, the square of it, and how often it is the negative log density."""

    square: Expr
    first: Expr
    second: Expr
    factor: float


def read(node: Expr) -> Density | None:
    """The density that a sum is; None for others, and for a sum of which a part is one already."""
    found = _read(node)
    if found is None or any(_read(strip(arg)) is not None for arg in node.args):
        return None
    return found


def _read(node: Expr) -> Density | None:
    if node.op not in ("add", "sub"):
        return None
    squares = [item for item in near(node, _MAX_NEAR) if item.op in ELEMENTWISE and is_square(item)]
    if len(squares) != 1 or not is_formula(node):
        return None
    difference = strip(squares[0].args[0])
    if difference.op != "sub" or any(settled(arg) is not None for arg in difference.args):
        return None
    heads = leaves(node, (difference.uid,))
    if len(heads) != 1 or is_scalar(heads[0]):
        # A number that is learned may weigh one loss against another.
        return None
    if any(item.op in REDUCTIONS for item in elementwise(node, (difference.uid, heads[0].uid))):
        return None
    factor = _factor(Program(node, (difference.uid, heads[0].uid)), difference.uid, heads[0].uid)
    return Density(squares[0], difference.args[0], difference.args[1], factor) if factor else None


def _factor(program: Program, difference: int, head: int) -> float:
    """How often values are log v + d^2 / v, halved, whatever v is of the head; 0 where they are not."""
    rest = [program({difference: 0.0, head: each}) for each in _HEADS]
    once, twice = (
        [program({difference: d, head: each}) - start for each, start in zip(_HEADS, rest, strict=True)]
        for d in (1.0, -2.0)
    )
    if not finite((*rest, *once, *twice)) or not all(
        close(4.0 * one, two) for one, two in zip(once, twice, strict=True)
    ):
        return 0.0
    sign = 1.0 if once[0] > 0.0 else -1.0
    if any(sign * each < _LEAST for each in once):
        return 0.0
    # Of each head by its first: k times the logarithm of the variance there.
    spread = [math.log(once[0] / each) for each in once[1:]]
    if any(abs(each) < _LEAST for each in spread):
        return 0.0
    factors = [(value - rest[0]) / each for value, each in zip(rest[1:], spread, strict=True)]
    if not all(close(factors[0], each, 1e-3) for each in factors) or sign * factors[0] < _LEAST:
        return 0.0
    return factors[0] / _HALF
