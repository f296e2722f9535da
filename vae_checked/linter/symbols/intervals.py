"""Intervals of expressions: what a value can be, from the operations that made it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from vae_checked.facts import REAL, UNIT, Interval
from vae_checked.linter.symbols.expression import Expr
from vae_checked.mathematics.intervals import Intervals, Origin
from vae_checked.mathematics.ops import MODULES, OPERATIONS


def interval_of(expr: Expr) -> Interval | None:
    """The interval in which the elements of `expr` lie; None when it is not known."""
    return intervals().of(expr)


def intervals(known: Mapping[int, Interval] | None = None) -> Intervals[Expr]:
    """The intervals of expressions that share parts, each part looked at once; `known` are some, by uid."""
    if not known:
        return Intervals(_origin)
    return Intervals(lambda expr: known[expr.uid] if expr.uid in known else _origin(expr))


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
