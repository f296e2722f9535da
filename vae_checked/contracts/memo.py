"""What is remembered of the calls that passed: bounded, and safe to read while another thread writes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

MOST_SIGNATURES = 256
MOST_RESULTS = 16

V = TypeVar("V")


class Bounded(Generic[V]):
    """A mapping that forgets its oldest entry when it is full; reading takes no lock."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: dict[Any, V] = {}
        self._lock = threading.Lock()
        self.get = self._entries.get

    def add(self, key: Any, value: V) -> V:
        """Keep `value` unless the key is known already; the value that is kept is returned."""
        with self._lock:
            while len(self._entries) >= self._limit and key not in self._entries:
                del self._entries[next(iter(self._entries))]
            return self._entries.setdefault(key, value)

    def __reduce__(self) -> tuple[type, tuple[int]]:
        """Another process starts with nothing remembered."""
        return type(self), (self._limit,)

    def __len__(self) -> int:
        return len(self._entries)


@dataclass(frozen=True, slots=True)
class Entry:
    """Arguments that passed: the axes they bind, as jaxtyping keeps them, and the results that passed, in words."""

    sizes: Mapping[str, int]
    groups: Mapping[str, tuple[bool, tuple[int, ...]]]
    results: Bounded[str]
