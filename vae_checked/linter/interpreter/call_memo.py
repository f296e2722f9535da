"""Calls of plain helpers that came to a constant: on the same arguments they come to it again and are not run."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from vae_checked.linter.symbols.constants import MAX_ITEMS, extent
from vae_checked.linter.symbols.expression import Expr
from vae_checked.linter.symbols.values import External, Function, Value

if TYPE_CHECKING:
    from collections.abc import Hashable

_CONSTANTS = (str, int, float, bool, type(None))
_CACHES = frozenset(("cache", "lru_cache"))
# The depth down to which a call is remembered: a deeper one may have been cut short.
MAX_DEPTH = 12


class CallMemo:
    """The results of such calls, and the functions that were entered on the way to each."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[Value, frozenset[int]]] = {}

    def key(self, function: Function, args: list[Value], kwargs: dict[str, Value]) -> Hashable | None:
        """What tells a call from others; None where its result may depend on more than constants.

        A function at the top level of a file without tensors is known by its arguments, and any whose author caches it.
        """
        if function.bound is not None or function.scope.parent is not None:
            return None
        if function.scope.module.tensors and not _is_cached(function.node):
            return None
        for value in args:
            if not isinstance(value, _CONSTANTS):
                return None
        for value in kwargs.values():
            if not isinstance(value, _CONSTANTS):
                return None
        named = tuple((name, type(value), value) for name, value in kwargs.items()) if kwargs else ()
        return (id(function.node), *[(type(value), value) for value in args], named)

    def get(self, key: Hashable) -> tuple[Value, frozenset[int]] | None:
        """The result of a call that was made before, and what it entered."""
        return self._known.get(key)

    def put(self, key: Hashable, value: Value, entered: set[int]) -> None:
        """Remember what a call came to, where that can not be changed by whom it is handed to."""
        if _is_fixed(value):
            self._known[key] = value, frozenset(entered)


def _is_cached(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> bool:
    for item in getattr(node, "decorator_list", ()):
        target = item.func if isinstance(item, ast.Call) else item
        if getattr(target, "attr", getattr(target, "id", "")) in _CACHES:
            return True
    return False


def _is_fixed(value: Value) -> bool:
    if isinstance(value, tuple):
        return extent(value) < MAX_ITEMS and all(map(_is_fixed, value))
    return isinstance(value, (*_CONSTANTS, Expr, External))
