"""Questions for the number of axes of what a layer makes: it has one of samples, and one more at least."""

from __future__ import annotations

import ast

from vae_checked.linter.symbols.conditions import RELATIONS
from vae_checked.linter.symbols.expression import ELEMENTWISE, Expr
from vae_checked.linter.symbols.values import Value, number_of
from vae_checked.mathematics.ops import Kind, names_of

_ASKED = frozenset(("attribute:ndim", "dim", "ndimension"))
_COPIES = names_of(lambda operation: operation.kind is Kind.COPY)
_LEAST = 2
# Where a range begins, and where it ends.
_BOUNDS = 2
_MAX_DEPTH = 40


def compared(op: ast.cmpop, left: Value, right: Value) -> bool | None:
    """A comparison of the number of axes of a layer's output with a number; None where it may come out either way."""
    relation = RELATIONS.get(type(op))
    if relation is None:
        return None
    one, other = _axes_of(left), number_of(right)
    mirrored = one is None
    if mirrored:
        one, other = _axes_of(right), number_of(left)
    least = None if one is None else _least(one, 0)
    if least is None or other is None or other != int(other):
        return None
    # From one more than the number on a comparison comes out alike.
    outcomes = {
        relation(int(other), axes) if mirrored else relation(axes, int(other))
        for axes in range(least, max(least, int(other)) + 2)
    }
    return outcomes.pop() if len(outcomes) == 1 else None


def after_the_first(args: list[Value]) -> Expr | None:
    """The tensor all of whose axes but the first a range numbers: `range(1, x.ndim)`; None for any other range."""
    is_from_one = len(args) == _BOUNDS and number_of(args[0]) == 1
    return _axes_of(args[1]) if is_from_one else None


def _axes_of(value: Value) -> Expr | None:
    """What a value is the number of axes of: `x.ndim`, `x.dim()`, `len(x.shape)`."""
    if not isinstance(value, Expr) or not value.args:
        return None
    if value.op in ("opaque", "call") and value.get("name") in _ASKED and len(value.args) == 1:
        return value.args[0]
    if value.op == "attribute" and value.get("name") == "ndim":
        return value.args[0]
    if value.op == "size" and value.get("axis") == 0 and value.args[0].op == "shape":
        return value.args[0].args[0]
    return None


def _least(value: Expr, depth: int) -> int | None:
    """The least number of axes of what a layer makes, or of what follows from that element by element."""
    if value.op == "layer":
        rank = value.get("rank")
        return rank if isinstance(rank, int) else _LEAST
    if depth > _MAX_DEPTH:
        return None
    if value.op == "phi":
        arms = [_least(arm, depth + 1) for arm in value.args[1:]]
        known = [arm for arm in arms if arm is not None]
        return min(known) if len(known) == len(arms) else None
    if value.op in ELEMENTWISE or value.op in _COPIES:
        found = [least for arg in value.args if (least := _least(arg, depth + 1)) is not None]
        return max(found, default=None)
    return None
