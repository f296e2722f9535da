"""Lists of an unknown number of places."""

from __future__ import annotations

from collections.abc import Iterable

from vae_checked.linter.symbols.expression import Expr, Site
from vae_checked.linter.symbols.values import Value, as_expr


class Places(list[Value]):
    """A list of an unknown number of places, `[x] * n`, that code fills by an index: what was written where is known.

    The first item is what stands in the first place, or in any that nothing was written into; each other was written
    into a place that an expression tells, and stands for all such places.
    """

    def __init__(self, items: Iterable[Value] = ()) -> None:
        super().__init__(items)
        # What tells the place of each item that was written. A branch that is taken back takes its items off the end.
        self._given, self._keys = len(self), list[int]()
        self._first_is_kept = False

    def put(self, key: Expr | int, value: Value) -> None:
        """Write into the place that an expression tells, or into the first or the last."""
        if isinstance(key, int):
            self._first_is_kept |= key == 0
            self[0 if key >= 0 else -1] = value
            return
        keys = self._written()
        if key.uid in keys:
            self[self._given + keys.index(key.uid)] = value
        else:
            self._keys = [*keys, key.uid]
            self.append(value)

    def at(self, key: Expr) -> Value:
        """What was written into the place that an expression tells, the first item where nothing was."""
        keys = self._written()
        return self[self._given + keys.index(key.uid) if key.uid in keys else 0]

    def from_place(self, start: int) -> list[Value]:
        """The items of the places from one on, of every kind that was written."""
        return self[1:] if self._written() and (start or not self._first_is_kept) else list(self)

    def _written(self) -> list[int]:
        return self._keys[: max(0, len(self) - self._given)]


class Grown(list[Value]):
    """A list of items that are known, and of which there may be more: a `while` loop appended them, say."""


class MoreItems(tuple["Value", ...]):
    """What a function takes as `*more`, of which a call hands over an unknown number: `source` has those.

    The first `known` are as they were handed over; what stands behind them stands in for what `source` has.
    """

    source: Expr
    known: int

    def __new__(cls, given: Iterable[Value], source: Expr, known: int) -> MoreItems:
        """The items that are given, with where more are from."""
        made = super().__new__(cls, given)
        made.source, made.known = source, known
        return made


def unknown_item(value: Value, site: Site | None) -> Expr:
    """What stands for all items of a value that is not known, however many they are."""
    return Expr("item", (as_expr(value, site),), (("index", "any"),), site)


def is_unknown_item(value: Value) -> bool:
    """Whether it stands for all items of a value that is not known; the sizes of a tensor stand for themselves."""
    if not isinstance(value, Expr):
        return False
    if value.op == "spread":
        return value.args[0].op != "shape"
    return value.op == "item" and value.get("index") == "any"
