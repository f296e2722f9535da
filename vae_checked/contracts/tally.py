"""How many contracts there are and what they did: a run that checks nothing should not look like one that does."""

from __future__ import annotations


class Count:
    """The checked calls of one function; threads that count at the same moment may lose one."""

    __slots__ = ("calls",)

    def __init__(self) -> None:
        self.calls = 0


# By module and qualified name, so that a function that is defined anew counts once.
TALLY: dict[str, Count] = {}
