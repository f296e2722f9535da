"""The lists and tables of a class or a file: what one evaluation computes and keeps there is not seen by the next."""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable
from typing import Any

from vae_checked.linter.symbols.expression import ERROR, KL, LOSS, NOISE, Expr
from vae_checked.linter.symbols.values import Instance, Value

# How deep tables and the objects in them are gone through, and the entries of one in which code keeps what it computed.
_MAX_DEPTH, _MAX_ENTRIES = 3, 200
_COMPUTED = NOISE | LOSS | ERROR
# By the entries of a table or the names of attributes.
_Table = dict[Any, Value]


class SharedTables:
    """What stands in the lists and tables that classes and files are defined with, and in the objects of a class.

    All objects of a class share them, and so do the classes that inherit it and the files that import them. What code
    registers there, as classes and settings, is meant to stay. What it computed on the way through one trainer is not
    what another one finds.
    """

    def __init__(self) -> None:
        # By their ids, which no others get as long as they are held.
        self._known: set[int] = set()
        self._lists: list[tuple[list[Value], list[Value]]] = []
        self._tables: list[tuple[_Table, _Table]] = []

    def note(self, values: Iterable[Value], *, objects: bool) -> None:
        """Take note of what the names of a class or a file stand for as it is defined, of its `objects` for a class.

        Those of a file are what its code is run on, which keep what they are given.
        """
        stack = [(value, 0) for value in values]
        while stack:
            value, depth = stack.pop()
            inner: Collection[Value] = ()
            if id(value) in self._known or (isinstance(value, (list, dict)) and len(value) > _MAX_ENTRIES):
                # What a file imports is known by what it was where it was defined.
                continue
            if isinstance(value, list):
                self._known.add(id(value))
                self._lists.append((value, list(value)))
                inner = value
            elif isinstance(value, dict) or (objects and isinstance(value, Instance)):
                table: _Table = value.attributes if isinstance(value, Instance) else value
                self._known.add(id(value))
                self._tables.append((table, dict(table)))
                inner = table.values()
            if depth < _MAX_DEPTH:
                stack += [(each, depth + 1) for each in inner]

    def forget(self) -> None:
        """Take out what was computed since the classes were defined, and put what it took the place of there again."""
        for items, first in self._lists:
            if _are_same(items, first):
                continue
            known = {id(item) for item in first}
            added = [item for item in items if id(item) not in known]
            if any(map(_is_computed, added)):
                items[:] = [*first, *(item for item in added if not _is_computed(item))]
        for table, kept in self._tables:
            if _are_same(table.values(), kept.values()):
                continue
            for key in [key for key, value in table.items() if value is not kept.get(key) and _is_computed(value)]:
                if key in kept:
                    table[key] = kept[key]
                else:
                    del table[key]


def _are_same(values: Collection[Value], others: Collection[Value]) -> bool:
    """Whether two collections hold the same values in the same order: after most evaluations nothing has changed."""
    return len(values) == len(others) and all(map(operator.is_, values, others))


def _is_computed(value: Value) -> bool:
    """Whether a value, or a part of one, is computed from a draw, or is an error or what a KL is made of."""
    seen, stack = set[int](), [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Expr):
            if item.bits & _COMPUTED or item.bits & KL == KL:
                return True
        elif isinstance(item, (Instance, dict, list, tuple)) and id(item) not in seen:
            seen.add(id(item))
            parts = item.attributes if isinstance(item, Instance) else item
            stack += parts.values() if isinstance(parts, dict) else parts
    return False
