"""The numbers by which equal structures of expressions are known, and what is kept of them."""

from __future__ import annotations

import sys
from _thread import allocate_lock
from collections.abc import Callable, Hashable
from itertools import count
from typing import Protocol, TypeVar

# The number of each structure that was met. A number is never given twice, so equal numbers are equal structures.
NUMBERS: dict[Hashable, int] = {}
# Small numbers are shared by all that has them: whether one is held could not be known.
UNUSED = count(1 << 20)
# Memory of structures is gone through when it has grown by so many.
MOST_NEW = 200_000


class Structures:
    """While one is entered, equal structures have equal numbers; when the last is left, memory of them is let go.

    What was built before is then not to be compared with what is built afterwards.
    """

    _entered = 0
    _kept = 0
    _lock = allocate_lock()

    def __enter__(self) -> None:
        """One more examination compares structures: several may, in threads."""
        with Structures._lock:
            Structures._entered += 1

    def __exit__(self, *_: object) -> None:
        with Structures._lock:
            Structures._entered -= 1
            if not Structures._entered:
                NUMBERS.clear()
                Structures._kept = 0
                for forget in _FORGETTING:
                    forget()

    @staticmethod
    def sweep(most_new: int = MOST_NEW) -> None:
        """Let go of the numbers that nothing holds any more, where there are many new ones.

        Nothing can be compared with these: a structure that is built again is given another number. Another thread
        could be about to look one up: then all are kept.
        """
        if len(NUMBERS) - Structures._kept <= most_new:
            return
        with Structures._lock:
            if Structures._entered < 2:
                Structures._kept = _let_go_of_unused()


def _let_go_of_unused() -> int:
    """Drop every structure whose number neither an expression, nor a set or a dict, nor a structure kept holds.

    Whatever refers to a number is younger than it, so the youngest are gone through first.
    """
    kept: list[tuple[Hashable, int]] = []
    # Counted below as every number is, and held by nothing else.
    NUMBERS[_NOTHING] = next(UNUSED)
    unused = None
    while NUMBERS:
        item = NUMBERS.popitem()
        holders = sys.getrefcount(item[1])
        if unused is None:
            unused = holders
        elif holders > unused:
            kept.append(item)
    NUMBERS.update(reversed(kept))
    return len(kept)


_NOTHING = object()
_FORGETTING: list[Callable[[], None]] = []


class _Kept(Protocol):
    def clear(self) -> None: ...


K = TypeVar("K", bound=_Kept)


def kept_with_structures(known: K) -> K:
    """A set or a dict of what is known of structures, emptied when memory of these is let go."""
    _FORGETTING.append(known.clear)
    return known
