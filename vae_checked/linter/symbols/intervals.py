"""Intervals of expressions: what a value can be, from the operations that made it."""

from __future__ import annotations

import math
from collections.abc import Callable

from vae_checked.facts import REAL, UNIT, Interval
from vae_checked.linter.symbols.expression import Expr
from vae_checked.mathematics.intervals import Intervals, Origin
from vae_checked.mathematics.ops import MODULES, OPERATIONS


def interval_of(expr: Expr) -> Interval | None:
    """The interval in which the elements of `expr` lie; None when it is not known."""
    return intervals().of(expr)


def intervals() -> Intervals[Expr]:
    """The intervals of expressions that share parts, each part looked at once."""
    return Intervals(_origin)


def intervals_beside(
    wanted: int, lies_in: Interval, holds: Callable[[Expr], bool], others: Intervals[Expr]
) -> Intervals[Expr]:
    """The intervals of expressions where that of one node, `wanted`, is known.

    What does not hold it lies where `others`, which many such share, say.
    """

    def made_by(expr: Expr) -> Origin:
        if expr.uid == wanted:
            return lies_in
        return _origin(expr) if holds(expr) else others.of(expr)

    return Intervals(made_by)


def _origin(expr: Expr) -> Origin:
    """The operation that made an expression, or the interval of what comes from elsewhere."""
    op = expr.op
    if op == "const":
        return None if math.isnan(expr.value) else Interval(expr.value, expr.value)
    if op in ("data", "batch"):
        ends = expr.get("interval")
        return Interval(*ends) if isinstance(ends, tuple) else None
    if op == "parameter":
        # Training can take it to any number.
        return REAL
    if op == "opaque" and str(expr.get("name")).startswith(("compare:", "torch.bernoulli")):
        return UNIT
    if op == "layer":
        kind = str(expr.get("kind"))
        return MODULES.get(kind) or OPERATIONS.get(kind)
    return OPERATIONS.get(op)
