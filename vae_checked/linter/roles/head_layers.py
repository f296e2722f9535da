"""The layers, and the parts of what a layer makes, that are the heads of a posterior."""

from __future__ import annotations

from collections.abc import Iterator

from vae_checked.linter.symbols.expression import Expr, strip, walk
from vae_checked.linter.symbols.index_keys import ELLIPSIS

_PICKING = frozenset(("part", "index"))


def layer_of(head: Expr) -> object:
    """What tells the layer of a head from other layers, whatever it was applied to."""
    node = strip(head)
    while node.op in ("part", "item", "index", "exp", "clamp", "softplus", "mul") and node.args:
        node = strip(next((arg for arg in node.args if arg.op != "const"), node.args[0]))
    return node.get("serial") if node.op == "layer" else node.uid


def made_by(*values: Expr) -> set[object]:
    """The numbers of all layers that some values are made by, at any depth."""
    return {node.get("serial") for node in walk(*values) if node.op == "layer"}


def are_parts_apart(one: Expr, other: Expr) -> bool:
    """Whether two values are parts of one tensor that have no element in common: chunks, indices, slices that meet.

    Or parts of such parts.
    """
    if one.op not in _PICKING or other.op not in _PICKING:
        return False
    if one.args[0].uid != other.args[0].uid:
        return are_parts_apart(strip(one.args[0]), strip(other.args[0]))
    if one.op != other.op:
        return False
    if one.op == "part":
        same = all(one.get(name) == other.get(name) for name in ("of", "axis"))
        numbers = [each.get("index") for each in (one, other)]
        return same and all(isinstance(number, int) and number >= 0 for number in numbers) and numbers[0] != numbers[1]
    keys = [each.get("key") for each in (one, other)]
    if one.op != "index" or not all(isinstance(key, tuple) for key in keys):
        return False
    return any(_exclude(first, second) for first, second in _axes(*keys))


def _axes(one: object, other: object) -> Iterator[tuple[object, object]]:
    """What two indices of one tensor pick of each axis; nothing where an axis of one may be no axis of the other."""
    if not (isinstance(one, tuple) and isinstance(other, tuple)) or len(one) != len(other):
        return
    kinds = [[_counted(part) for part in key] for key in (one, other)]
    if kinds[0] == kinds[1] and None not in kinds[0]:
        yield from zip(one, other, strict=True)


def _counted(part: object) -> str | None:
    """Which axes a part of an index is of; None where that is not known, as of a mask."""
    if part == ("value", None):
        return "a new one"
    if part == ELLIPSIS:
        return "several"
    is_number = isinstance(part, tuple) and part[0] == "value" and isinstance(part[1], int)
    return "one" if is_number or (isinstance(part, tuple) and part[0] == "slice") else None


def _exclude(one: object, other: object) -> bool:
    """Whether two picks of one axis have nothing in common."""
    if not (isinstance(one, tuple) and isinstance(other, tuple)) or one[0] != other[0]:
        return False
    if one[0] == "value":
        first, second = one[1], other[1]
        numbers = isinstance(first, int) and isinstance(second, int) and first != second
        return numbers and (first < 0) == (second < 0)
    return _ends_before(one[2], other[1]) or _ends_before(other[2], one[1])


def _ends_before(stop: object, start: object) -> bool:
    """Whether a slice ends where another one starts, or before: at one number or value, or at numbers from the left."""
    if not (isinstance(stop, tuple) and isinstance(start, tuple)):
        return False
    if stop[0] == "expr" or start[0] == "expr":
        return stop == start
    ends, starts = stop[1], start[1]
    if not isinstance(ends, int) or not isinstance(starts, int):
        return False
    return ends == starts or 0 <= ends < starts
