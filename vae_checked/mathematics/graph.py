"""What a graph of values must offer to be read by the mathematics: the linter's and the auditor's both do."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol, TypeVar


class Node(Protocol):
    """One value: the operation that made it, the values it was made from, and the operation's settings.

    `op` is the name of a record of `mathematics.ops`, or one of the observer's own, of which the observer says what
    its value can be. Nodes with one `uid`, which is never 0, are one value.
    """

    @property
    def uid(self) -> int: ...

    @property
    def op(self) -> str: ...

    @property
    def args(self: N) -> Sequence[N]: ...

    def get(self, name: str) -> Hashable:
        """The setting of this name, None where it is not given."""
        ...


N = TypeVar("N", bound=Node)
