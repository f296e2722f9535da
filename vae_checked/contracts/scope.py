"""jaxtyping's scope of bound axes, entered with the axes that an earlier full check found.

jaxtyping offers no public way to re-enter a scope, so this reaches for its storage, tries it once, and says in
`AVAILABLE` whether it behaves. Where it does not, no verdict is remembered and every call is checked in full.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Sizes = Mapping[str, int]
Groups = Mapping[str, tuple[bool, tuple[int, ...]]]


@dataclass(frozen=True, slots=True)
class Scope:
    """The axes bound at one moment, in jaxtyping's own form: sizes, groups of axes, tree structures."""

    sizes: Sizes
    groups: Groups
    trees: Mapping[str, Any]


def _find_storage() -> Any:
    try:
        found = importlib.import_module("jaxtyping._storage")
        found.push_shape_memo({"n": 2})
        try:
            local = found._shape_storage
            sizes, groups, trees, arguments = local.memo_stack[-1]
            sizes["B"] = 3
            seen = found.get_shape_memo()
        finally:
            found.pop_shape_memo()
    except (ImportError, AttributeError, TypeError, ValueError, IndexError):
        return None
    behaves = (groups, trees, arguments, *seen) == ({}, {}, {"n": 2}, {"B": 3}, {}, {}, {"n": 2})
    return local if behaves and isinstance(local, threading.local) else None


_storage: Any = _find_storage()
AVAILABLE = _storage is not None


def enter(sizes: Sizes, groups: Groups, arguments: dict[str, Any]) -> None:
    """Begin a scope in which these axes are bound; only where AVAILABLE."""
    try:
        stack = _storage.memo_stack
    except AttributeError:
        stack = _storage.memo_stack = []  # the first scope of this thread
    stack.append((dict(sizes), dict(groups), {}, arguments))


def current() -> tuple[Sizes, Groups, Mapping[str, Any], Mapping[str, Any]]:
    """The sizes, groups, trees and arguments of the scope that runs; only where AVAILABLE."""
    memos: tuple[Sizes, Groups, Mapping[str, Any], Mapping[str, Any]] = _storage.memo_stack[-1]
    return memos


def leave() -> None:
    """End the scope that `enter` began."""
    _storage.memo_stack.pop()


def snapshot() -> Scope | None:
    """The scope of the function that runs, copied; None where jaxtyping does not let it be read."""
    if not AVAILABLE:
        return None
    sizes, groups, trees, _ = current()
    return Scope(dict(sizes), dict(groups), dict(trees))
