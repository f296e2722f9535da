"""jaxtyping's scope of bound axes, entered with the axes that an earlier full check found.

jaxtyping offers no public way to re-enter a scope, so this reaches for its storage functions, tries them once, and says
in `AVAILABLE` whether they behave. Where they do not, no verdict is remembered and every call is checked in full.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class _Storage(Protocol):
    def push_shape_memo(self, arguments: dict[str, Any]) -> tuple[dict[str, Any], ...]: ...
    def pop_shape_memo(self) -> None: ...
    def get_shape_memo(self) -> tuple[dict[str, Any], ...]: ...


@dataclass(frozen=True, slots=True)
class Scope:
    """The axes bound at one moment, in jaxtyping's own form: sizes, groups of axes, tree structures."""

    sizes: Mapping[str, int]
    groups: Mapping[str, tuple[bool, tuple[int, ...]]]
    trees: Mapping[str, Any]


def _storage() -> _Storage | None:
    try:
        from jaxtyping import _storage as storage  # noqa: PLC0415  absent in some versions of jaxtyping, perhaps
    except ImportError:
        return None
    found: _Storage = storage
    try:
        pushed = found.push_shape_memo({"n": 2})
        try:
            pushed[0]["B"] = 3
            sizes, groups, trees, arguments = found.get_shape_memo()
        finally:
            found.pop_shape_memo()
    except (AttributeError, TypeError, ValueError, IndexError):
        return None
    behaves: bool = (sizes, groups, trees, arguments) == ({"B": 3}, {}, {}, {"n": 2})
    return found if behaves else None


_found = _storage()
AVAILABLE = _found is not None
if _found is not None:
    enter, leave, current = _found.push_shape_memo, _found.pop_shape_memo, _found.get_shape_memo


def snapshot() -> Scope | None:
    """The scope of the function that runs, copied; None where jaxtyping does not let it be read."""
    if not AVAILABLE:
        return None
    sizes, groups, trees, _ = current()
    return Scope(dict(sizes), dict(groups), dict(trees))


def adopt(scope: Scope) -> None:
    """Bind in the running scope what `scope` has bound."""
    for mine, theirs in zip(current(), (scope.sizes, scope.groups, scope.trees), strict=False):
        mine.update(theirs)
