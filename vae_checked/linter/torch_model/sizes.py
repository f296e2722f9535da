"""The sizes that code gives for a tensor that it makes: written out, taken from another tensor, or not known."""

from __future__ import annotations

import ast
from collections.abc import Hashable

from vae_checked.linter.symbols.constants import whole
from vae_checked.linter.symbols.expression import ELEMENTWISE, Expr, Site, strip
from vae_checked.linter.symbols.places import is_unknown_item
from vae_checked.linter.symbols.values import Value, number_of
from vae_checked.mathematics.ops import Kind, names_of

# A length of 1 that a call takes from a name: whoever set it may have set the heads' number of latents by it as well.
SET_TO_ONE = ("set", 1)
# The sizes of a tensor that has some, where they are not read; a number has none.
UNKNOWN = "unknown"
# All axes but the first, however many there are.
LATER = "later"
# What may hold one size or several.
_OF_ANY_LENGTH = frozenset(("call", "opaque", "phi"))
# What has the axes of what it is given.
_ALIGNED = ELEMENTWISE | {"loss"} | names_of(lambda operation: operation.kind is Kind.COPY)


def axes_of(value: Value) -> Hashable:
    """The axes of a reduction: a tuple of ints, "all" when none are named, "unknown" when they cannot be read."""
    if value is None:
        return "all"
    number = whole(number_of(value))
    if number is not None:
        return (number,)
    if isinstance(value, (tuple, list)):
        numbers = [whole(number_of(item)) for item in value]
        if all(item is not None for item in numbers):
            return tuple(numbers) or "all"
    return "unknown"


def reduced_axes(value: Value, x: Expr) -> Hashable:
    """The axes of a reduction of `x`: `LATER` where they are all of its axes but the first, `range(1, x.ndim)`."""
    axes = axes_of(value)
    if axes != UNKNOWN or not isinstance(value, (tuple, list)) or len(value) != 1:
        return axes
    serial = value[0].get("serial") if isinstance(value[0], Expr) else None
    is_later = isinstance(serial, tuple) and serial[0] == LATER and _has_the_axes_of(x, serial[1])
    return LATER if is_later else axes


def later_axes(of: Expr) -> Hashable:
    """What marks a number that stands for each axis of a tensor but the first."""
    return LATER, of.uid


def _has_the_axes_of(value: Expr, uid: int) -> bool:
    """Whether a value has an entry for each of another one: computed from it element by element, as an error is."""
    stack, seen = [value], set[int]()
    while stack:
        node = stack.pop()
        if node.uid == uid:
            return True
        # What a node is made of was there before it.
        if node.uid > uid and node.uid not in seen and node.op in _ALIGNED:
            seen.add(node.uid)
            stack.extend(node.args)
    return False


def axis_of_size(value: Expr) -> Hashable:
    """The axis whose length this expression is, None when it is no tensor's size."""
    return value.get("axis") if value.op == "size" else None


def shape_of(values: list[Value], site: Site) -> tuple[object, ...] | None:
    """Sizes written out: ints, ("size", axis, of what) for a tensor's own size, ("from", axis, of what) for all of its
    sizes from an axis on, None for an unknown one; None where it is not known how many there are.

    A 1 that the call at `site` does not hold itself is `SET_TO_ONE`: whatever else is set by it is 1 as well, and an
    axis of that length is one along which a tensor is repeated only beside another number of latents.
    """
    values = _written_out(values)
    if not values or (len(values) == 1 and (_may_be_several(values[0]) or _is_each_size(values[0]))):
        return None
    sizes: list[object] = []
    written = _are_written(values, site)
    for value, is_written in zip(values, written, strict=True):
        number = whole(number_of(value))
        if number is not None:
            sizes.append(number if number != 1 or is_written else SET_TO_ONE)
        elif isinstance(value, Expr) and value.op == "spread":
            return None
        elif isinstance(value, Expr) and value.op == "shape":
            given = value.get("from")
            start = whole(given) if isinstance(given, (int, float)) else None
            if start is None or _ends_early(value):
                return None
            sizes.append(("from", start, value.args[0].uid))
        elif isinstance(value, Expr):
            axis = axis_of_size(value)
            sizes.append(("size", axis, value.args[0].uid) if axis is not None else None)
        else:
            sizes.append(None)
    return tuple(sizes)


def _are_written(values: list[Value], site: Site) -> list[bool]:
    """Of each size whether the call at `site` has a number for it, instead of a name."""
    written = _size_nodes(site.node)
    if len(written) < len(values):
        return [any(_is_number(node) for entry in written for node in ast.walk(entry))] * len(values)
    return [_is_number(node) for node in written[len(written) - len(values) :]]


def _size_nodes(call: ast.AST) -> list[ast.expr]:
    """The arguments of a call, or what it gives for its size, a tuple or a list as what it holds."""
    if not isinstance(call, ast.Call):
        return []
    named = [keyword.value for keyword in call.keywords if keyword.arg in ("size", "shape", "sample_shape")]
    given = named or call.args
    return [part for node in given for part in (node.elts if isinstance(node, (ast.Tuple, ast.List)) else [node])]


def _is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


def _written_out(values: list[Value]) -> list[Value]:
    """The sizes that a call is given, one by one, in a tuple or by a star."""
    if len(values) == 1 and isinstance(values[0], (tuple, list)):
        values = list(values[0])
    return [
        value.args[0] if isinstance(value, Expr) and value.op == "spread" and value.args[0].op == "shape" else value
        for value in values
    ]


def _may_be_several(value: Value) -> bool:
    """Whether what stands alone for the sizes is a whole shape, or what a call or a choice makes, which may be one."""
    return isinstance(value, Expr) and (_is_whole(value) or value.op in _OF_ANY_LENGTH or _is_put_together(value))


def _is_put_together(value: Expr) -> bool:
    """Whether a value is a shape that others were added to, as in `(draws,) + mu.shape`: a sum of numbers is one."""
    return value.op == "add" and any(arg.op == "shape" or _may_be_several(arg) for arg in value.args)


def _is_each_size(value: Value) -> bool:
    """Whether a value stands for each of a tensor's sizes, as in `tuple(int(n) for n in mu.shape)`."""
    item = strip(value) if isinstance(value, Expr) else None
    return item is not None and is_unknown_item(item) and item.args[0].op == "shape"


def _is_whole(value: Expr) -> bool:
    """Whether a value is a tensor's whole shape."""
    return value.op == "shape" and not value.get("from") and not _ends_early(value)


def _ends_early(shape: Expr) -> bool:
    """Whether the last of a tensor's sizes is left out, as in `x.shape[:-1]`."""
    return any(name == "to" for name, _ in shape.attrs)


def shaped_like(values: list[Value]) -> Expr | None:
    """The tensor whose `.shape` or `.size()` a draw takes."""
    values = _written_out(values)
    if len(values) == 1 and isinstance(values[0], Expr) and _is_whole(values[0]) and values[0].args:
        return values[0].args[0]
    return None
