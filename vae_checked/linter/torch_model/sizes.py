"""The sizes that code gives for a tensor that it makes: written out, taken from another tensor, or not known."""

from __future__ import annotations

from collections.abc import Hashable

from vae_checked.linter.symbols.constants import whole
from vae_checked.linter.symbols.expression import Expr
from vae_checked.linter.symbols.values import Value, number_of


def axis_of_size(value: Expr) -> Hashable:
    """The axis whose length this expression is, None when it is no tensor's size."""
    return value.get("axis") if value.op == "size" else None


def shape_of(values: list[Value]) -> tuple[object, ...] | None:
    """Sizes written out: ints, ("size", axis, of what) for a tensor's own size, ("from", axis, of what) for all of its
    sizes from an axis on, None for an unknown one; None where it is not known how many there are."""
    values = _written_out(values)
    if not values or (len(values) == 1 and isinstance(values[0], Expr) and _is_whole(values[0])):
        return None
    sizes: list[object] = []
    for value in values:
        number = whole(number_of(value))
        if number is not None:
            sizes.append(number)
        elif isinstance(value, Expr) and value.op == "spread":
            return None
        elif isinstance(value, Expr) and value.op == "shape":
            given = value.get("from")
            start = whole(given) if isinstance(given, (int, float)) else None
            if start is None:
                return None
            sizes.append(("from", start, value.args[0].uid))
        elif isinstance(value, Expr):
            axis = axis_of_size(value)
            sizes.append(("size", axis, value.args[0].uid) if axis is not None else None)
        else:
            sizes.append(None)
    return tuple(sizes)


def _written_out(values: list[Value]) -> list[Value]:
    """The sizes that a call is given, one by one, in a tuple or by a star."""
    if len(values) == 1 and isinstance(values[0], (tuple, list)):
        values = list(values[0])
    return [
        value.args[0] if isinstance(value, Expr) and value.op == "spread" and value.args[0].op == "shape" else value
        for value in values
    ]


def _is_whole(value: Expr) -> bool:
    """Whether a value is a tensor's whole shape."""
    return value.op == "shape" and not value.get("from")


def shaped_like(values: list[Value]) -> Expr | None:
    """The tensor whose `.shape` or `.size()` a draw takes."""
    values = _written_out(values)
    if len(values) == 1 and isinstance(values[0], Expr) and _is_whole(values[0]) and values[0].args:
        return values[0].args[0]
    return None
