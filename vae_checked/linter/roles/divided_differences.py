"""The difference of two tensors below what divides it: of `(x - y) / sigma`, and of `x / sigma - y / sigma`."""

from __future__ import annotations

from vae_checked.linter.roles.reductions import is_number
from vae_checked.linter.symbols.expression import Expr, contains, strip
from vae_checked.linter.symbols.numeric import settled

_OF_DIFFERENCES = frozenset(("sub", "mul", "div"))


def opened(value: Expr) -> tuple[Expr, Expr | None]:
    """The difference in a value without what divides it, and what does: None for nothing.

    A number that multiplies it divides it by its inverse, and what divides both sides of it divides the difference.
    """
    inner, below = strip(value), list[Expr]()
    while inner.op in ("mul", "div") and (index := _scaled_by(inner)) is not None:
        scale = inner.args[index]
        below.append(scale if inner.op == "div" else Expr("reciprocal", (scale,), (), scale.site))
        inner = strip(inner.args[1 - index])
    if inner.op == "sub":
        one, other = map(strip, inner.args)
        if one.op == other.op == "div" and one.args[1].uid == other.args[1].uid and _is_setting(one.args[1]):
            below.append(one.args[1])
            inner = Expr("sub", (one.args[0], other.args[0]), (), inner.site)
    whole = None
    for scale in below:
        whole = scale if whole is None else Expr("mul", (whole, scale), (), scale.site)
    return inner, whole


def _scaled_by(node: Expr) -> int | None:
    """Which argument scales the other one: what divides it, or a number that multiplies a difference."""
    if node.op == "div":
        return None if contains(node.args[1], node.args[0].uid) else 1
    found = [
        index
        for index, arg in enumerate(node.args)
        if is_number(arg) and strip(node.args[1 - index]).op in _OF_DIFFERENCES
    ]
    return found[0] if len(found) == 1 else None


def _is_setting(scale: Expr) -> bool:
    """Whether a value is a number that is not known: one that is known may as well belong to the range of the data."""
    return is_number(scale) and settled(scale) is None
