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
    widths = [_width(piece) for piece in whole.args]
    known = [width for width in widths if width is not None]
    if len(known) < len(widths):
        return None
    ends = [0.0, *accumulate(known)]
    first, last = key[-1].start, key[-1].stop
    start = ends[0] if first is None else number_of(first)
    stop = ends[-1] if last is None else number_of(last)
    return next((piece for piece, at in zip(whole.args, pairwise(ends), strict=True) if at == (start, stop)), None)


def _number(axis: object) -> float:
    return float(axis) if isinstance(axis, (int, float)) else 0.0


def _width(piece: Expr) -> float | None:
    """How many features a piece has, where a linear layer made it."""
    outputs = piece.get("outputs") if piece.op == "layer" else None
    return float(outputs) if isinstance(outputs, int) else None
