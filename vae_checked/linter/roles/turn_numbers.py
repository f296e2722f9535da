"""What numbers come to in one turn of a loop, where each setting that is not known has one value."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from vae_checked.linter.symbols.conditions import relation_of
from vae_checked.linter.symbols.expression import TRANSPARENT, Expr, called_name, walk
from vae_checked.mathematics.names import words_of
from vae_checked.mathematics.ops import OPERATIONS

# What a loop or a trainer counts by.
_COUNTERS = frozenset("epoch step iter iteration".split())
_LOOPS = frozenset(("loop", "index"))
# Nodes of a number that are looked at, and how deep.
MOST_NODES, _MOST_DEPTH = 200, 30


def is_counter(node: Expr) -> bool:
    """Whether a number is that of a turn, or goes by such a name."""
    if node.op not in ("atom", "attribute", "opaque"):
        return False
    name = str(node.get("name"))
    if node.op == "atom" and name in _LOOPS:
        return True
    return not _COUNTERS.isdisjoint(words_of(called_name(node))[-1:])


def some(value: Expr) -> list[Expr]:
    """What a number is made of, and no more than can be looked at."""
    found = []
    for node in walk(value):
        found.append(node)
        if len(found) >= MOST_NODES:
            break
    return found


class Numbers:
    """The numbers of an evaluation in one turn."""

    def __init__(self, turn: float, setting: float, counters: Collection[int]) -> None:
        self._turn = turn
        self._setting = setting
        self._counters = counters
        self._values: dict[int, float] = {}

    def value(self, node: Expr, depth: int = 0) -> float:
        """The number of a weight; NaN where it is not known."""
        known = self._values.get(node.uid)
        if known is None:
            known = self._values[node.uid] = self._computed(node, depth)
        return known

    def _computed(self, node: Expr, depth: int) -> float:
        if node.op == "const":
            return node.value
        if node.uid in self._counters:
            return self._turn
        if depth > _MOST_DEPTH:
            return math.nan
        name = str(node.get("name") or "")
        if node.op in ("phi", "where"):
            condition, one, other = (self.value(arg, depth + 1) for arg in node.args)
            return (one if one == other else math.nan) if math.isnan(condition) else one if condition else other
        if node.op == "opaque" and (node.args or name == "boolean"):
            return _logical(node, name, [self.value(arg, depth + 1) for arg in node.args])
        if node.op in TRANSPARENT and node.args:
            inner = self.value(node.args[0], depth + 1)
            return _whole(str(node.get("known")), inner)
        given = [self.value(arg, depth + 1) for arg in node.args]
        try:
            operation = OPERATIONS.get(node.op)
            settings = None if operation is None else operation.settings(node.get)
            if operation is None or operation.value is None or settings is None:
                return math.nan if any(is_counter(each) for each in some(node)) else self._setting
            return operation.value(*given, *settings)
        except (ValueError, OverflowError, ZeroDivisionError):
            return math.nan


def _whole(known: str, value: float) -> float:
    if not math.isfinite(value):
        return math.nan
    return float(math.trunc(value) if known == "int" else round(value) if known == "round" else value)


def _logical(condition: Expr, name: str, values: Sequence[float]) -> float:
    """A comparison, or what joins some: 1 or 0; NaN for any other call."""
    if any(map(math.isnan, values)):
        return math.nan
    if name == "not":
        return float(not values[0])
    if name in ("And", "Or"):
        return float(all(values) if name == "And" else any(values))
    relation = relation_of(condition)
    return math.nan if relation is None else float(relation(*values))
