"""What tensors were put together from, where a piece for each of them is taken again: `chunk` of a `cat`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise

from vae_checked.linter.symbols.expression import Expr, strip
from vae_checked.linter.symbols.values import Value, number_of

# Of rows of features.
_LAST = (1.0, -1.0)


def concatenated(x: Expr, widths: Sequence[float | None], axis: float | None) -> tuple[Expr, ...] | None:
    """The tensors of a concatenation that is split along its axis into as many pieces; None for any other.

    `widths` are the lengths of the pieces, None where they are not known: those of equal pieces.
    """
    whole = strip(x)
    if whole.op != "cat" or whole.get("filled") or len(whole.args) != len(widths):
        return None
    if _number(whole.get("axis")) != _number(axis):
        return None
    own = [_width(piece) for piece in whole.args]
    if None in widths and len(set(own)) > 1:
        # Pieces of equal length, or up to where another begins, hold some of the next.
        return None
    known = ((one, other) for one, other in zip(own, widths, strict=True) if None not in (one, other))
    return whole.args if all(one == other for one, other in known) else None


def number_of_equal(x: Expr, width: float | None, axis: float | None) -> int | None:
    """How many pieces of a width the features of a linear layer make in its last axis; None where unknown."""
    whole = strip(x)
    features = _width(whole)
    if whole.op == "cat" and _number(whole.get("axis")) == _number(axis):
        own = [_width(piece) for piece in whole.args]
        known = [each for each in own if each is not None]
        features = sum(known) if len(known) == len(own) else None
    elif str(whole.get("kind")) != "Linear":
        return None
    if features is None or not width or width < 1 or _number(axis) not in _LAST:
        return None
    return math.ceil(features / width)


def stacked(x: Expr, axis: float | None) -> tuple[Expr, ...] | None:
    """The tensors that were stacked along an axis, of which there are several; None for any other."""
    whole = strip(x)
    several = whole.op == "stack" and len(whole.args) > 1
    return whole.args if several and _number(whole.get("axis")) == _number(axis) else None


def sliced(x: Expr, key: Value) -> Expr | None:
    """The tensor of a concatenation that a slice of its last axis takes, from its first to its last feature."""
    whole = strip(x)
    if whole.op != "cat" or whole.get("filled") or not isinstance(key, tuple) or not isinstance(key[-1], slice):
        return None
    if not all(part is Ellipsis or part == slice(None) for part in key[:-1]) or key[-1].step is not None:
        return None
    if _number(whole.get("axis")) != (-1.0 if Ellipsis in key else len(key) - 1):
        return None
    widths = [_width(piece, len(key) - 1) for piece in whole.args]
    known = [width for width in widths if width is not None]
    if len(known) < len(widths):
        return None
    ends = [0.0, *accumulate(known)]
    first, last = key[-1].start, key[-1].stop
    start = ends[0] if first is None else _bound(first, whole, ends[-1])
    stop = ends[-1] if last is None else _bound(last, whole, ends[-1])
    return next((piece for piece, at in zip(whole.args, pairwise(ends), strict=True) if at == (start, stop)), None)


def _bound(value: Value, whole: Expr, length: float) -> float | None:
    """Where a slice ends of a tensor whose axis is that long: a number, or one that is made of its own size."""
    if not isinstance(value, Expr) or value.op == "const":
        return number_of(value)
    made = [_bound(arg, whole, length) for arg in value.args] if value.op in ("floor", "div") else []
    if value.op == "size" and strip(value.args[0]).uid == whole.uid:
        return length if _number(value.get("axis")) in (_number(whole.get("axis")), _LAST[1]) else None
    if value.op == "floor" and made[0] is not None:
        return float(math.floor(made[0]))
    return made[0] / made[1] if value.op == "div" and made[0] is not None and made[1] else None


def _number(axis: object) -> float:
    return float(axis) if isinstance(axis, (int, float)) else 0.0


def _width(piece: Expr, axis: int | None = None) -> float | None:
    """How many features a piece has, where a linear layer made it, or where it is a slice of such along an axis."""
    if piece.op == "index" and axis is not None:
        return _width_of_slice(piece, axis)
    outputs = piece.get("outputs") if piece.op == "layer" else None
    return float(outputs) if isinstance(outputs, int) else None


def _width_of_slice(piece: Expr, axis: int) -> float | None:
    """The length of what `x[:, start:stop]` takes of what a linear layer made."""
    whole, key = _width(piece.args[0]), piece.get("key")
    if whole is None or not isinstance(key, tuple) or len(key) != axis + 1:
        return None
    match key[-1]:
        case ("slice", ("value", first), ("value", last), ("value", None)) if all(
            part == ("slice", *[("value", None)] * 3) for part in key[:-1]
        ):
            ends = [0 if first is None else first, whole if last is None else last]
            if all(isinstance(end, (int, float)) and 0 <= end <= whole for end in ends):
                return float(ends[1] - ends[0])
    return None
