"""Intervals of expressions: what a value can be, from the operations that made it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from vae_checked.facts import REAL, UNIT, Interval
from vae_checked.linter.symbols import numeric
from vae_checked.linter.symbols.asked_data import has_unknown_range
from vae_checked.linter.symbols.conditions import compares, relation_of
from vae_checked.linter.symbols.expression import Expr, strip
from vae_checked.linter.symbols.index_keys import ELLIPSIS, WHOLE
from vae_checked.mathematics.intervals import Intervals, Origin
from vae_checked.mathematics.ops import MODULES, OPERATIONS

# What a recurrent layer gives out: a tanh, times a share.
_OF_STATES = Interval(-1.0, 1.0, low_open=True, high_open=True)
# Where a function of any number shows its signs.
_FAR = (-1e3, 1e3)


def interval_of(expr: Expr) -> Interval | None:
    """The interval in which the elements of `expr` lie; None when it is not known."""
    return intervals().of(expr)


def leaves(expr: Expr, range_: Interval) -> bool:
    """Whether it is established that elements of `expr` leave a range: not by what is unknown alone."""
    known = interval_of(expr)
    if known is None or range_.contains(known):
        return False
    filled = Intervals(_origin, filled=True, of_each=_is_of_each).of(expr)
    return filled is not None and not range_.contains(filled)


def intervals() -> Intervals[Expr]:
    """The intervals of expressions that share parts, each part looked at once."""
    return Intervals(_origin, of_each=_is_of_each)


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

    return Intervals(made_by, of_each=_is_of_each)


def recurrent(expr: Expr) -> Expr | None:
    """The recurrent layer whose outputs an expression is, or some of them, where they lie in (-1, 1); else None."""
    picked: list[object] = []
    node = expr
    while node.op in ("item", "index") and node.args:
        # With a key of several parts it is picked of a tensor, and not of the two that are given back.
        picked.insert(0, node.get("index") if node.op == "item" else None)
        node = node.args[0]
    if node.op != "layer" or node.get("bounded") is not True:
        return None
    # The second state of an LSTM is its memory, which grows.
    of_states = picked[:2] == [1, 0] if node.get("kind") == "LSTM" else picked[:1] == [1]
    return node if of_states or picked[:1] == [0] else None


def _is_of_each(pick: Expr, joined: Expr) -> bool:
    """Whether what is picked has elements of each part that was joined: it is taken along another axis.

    Rows of what was filled element by element are as all of it is.
    """
    if joined.get("filled") and joined.op == "stack":
        return True
    given, along = pick.args[0], joined.get("axis")
    while given.op == "cast":
        given = given.args[0]
    if given.uid != joined.uid or not isinstance(along, (int, float)):
        return False
    if pick.op == "item":
        return along > 0
    if pick.op == "part":
        axis = pick.get("axis")
        return isinstance(axis, (int, float)) and axis != along and min(axis, along) >= 0
    key = pick.get("key")
    if not isinstance(key, tuple):
        return False
    if along < 0:
        return ELLIPSIS in key and len(key) - key.index(ELLIPSIS) > -along and key[int(along)] == WHOLE
    if not all(isinstance(part, tuple) and (part[0] == "slice" or _is_place(part)) for part in key):
        # What is picked by a mask, or has a new axis, may take some along any.
        return False
    return along >= len(key) or key[int(along)] == WHOLE


def _is_place(part: tuple[object, ...]) -> bool:
    return part[0] == "value" and isinstance(part[1], int) and not isinstance(part[1], bool)


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
    if compares(expr) or (op == "opaque" and str(expr.get("name")).startswith("torch.bernoulli")):
        return UNIT
    if op == "layer":
        kind = str(expr.get("kind"))
        return MODULES.get(kind) or OPERATIONS.get(kind)
    if op == "item" and recurrent(expr) is not None:
        return _OF_STATES
    if has_unknown_range(expr) or (op in ("where", "mul") and is_cut_by_itself(expr)):
        return None
    return OPERATIONS.get(op)


def is_cut_by_itself(expr: Expr) -> bool:
    """Whether a value that is not bounded is left out where it is compared: `where(h > 0, h, 0)`, `h * (h > 0)`.

    Where it lies then is neither what it was nor known.
    """
    if expr.op == "where":
        asked, kept = expr.args[0], list(expr.args[1:])
        ends = [interval_of(each) for each in kept]
        if compares(strip(asked)) and _is_folded(strip(asked), kept):
            return True
        if not any(each is not None and each.bounded for each in ends):
            return False
    else:
        asked = next((each for each in map(strip, expr.args) if compares(each)), expr)
        kept = [each for each in expr.args if strip(each).uid != asked.uid]
    if not compares(strip(asked)):
        return False
    compared = {strip(each).uid for each in strip(asked).args}
    of_itself = (interval_of(each) for each in kept if strip(each).uid in compared)
    return any(each is None or not each.bounded for each in of_itself)


def _is_folded(asked: Expr, kept: Sequence[Expr]) -> bool:
    """Whether a choice between two functions of a value by itself has one sign: `where(h > 0, h, -h)`."""
    relation = relation_of(asked)
    given = {value.uid: value for value in map(strip, asked.args) if value.op != "const"}
    if relation is None or len(given) != 1 or any(interval_of(value) != REAL for value in given.values()):
        return False
    parts = (*asked.args, *kept)
    if any(numeric.leaves(each, given, most=0) for each in parts):
        return False
    found = set()
    for far in _FAR:
        left, right, one, other = (numeric.Program(each, given)(dict.fromkeys(given, far)) for each in parts)
        found.add(one if relation(left, right) else other)
    return all(value > 0 for value in found) or all(value < 0 for value in found)
