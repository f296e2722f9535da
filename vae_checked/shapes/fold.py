"""Writes repeated blocks once: `blocks.0.conv` and `blocks.1.conv` of one kind become `blocks.{0..1}.conv`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_VALUE = ""
# The entries of a table, each block written by itself.
MOST = 500_000


def fold(table: Mapping[str, str]) -> dict[str, str]:
    """`table`, its keys dotted paths, with neighbouring numbered blocks that hold the same written once, sorted."""
    tree: dict[str, Any] = {}
    for key, value in table.items():
        node = tree
        for part in key.split("."):
            node = node.setdefault(part, {})
        node[_VALUE] = value
    return dict(sorted(_flat(_folded(tree), ()), key=lambda pair: natural(pair[0])))


def unfold(table: Mapping[str, str]) -> dict[str, str]:
    """What `fold` was given; ValueError where it comes to more entries than any model has."""
    if not any("{" in key for key in table):
        # A table without ranges stands in the order in which it was folded.
        return dict(table)
    found: dict[str, str] = {}
    for key, value in table.items():
        for each in _expanded(key):
            found[each] = value
            if len(found) > MOST:
                raise ValueError(f"{key!r} comes to more than {MOST} entries")
    return dict(sorted(found.items(), key=lambda pair: natural(pair[0])))


def natural(key: str) -> list[tuple[int, int, str]]:
    """The order in which a person counts: `block.2` before `block.10`."""
    return [(0, int(part), "") if _is_number(part) else (1, 0, part) for part in re.split(r"(\d+)", key) if part]


def _is_number(part: str) -> bool:
    # Python makes no numbers of thousands of digits out of text.
    return part.isdecimal() and len(part) <= 1_000


def _folded(node: dict[str, Any]) -> dict[str, Any]:
    children = {name: _folded(child) for name, child in node.items() if name != _VALUE}
    made: dict[str, Any] = {_VALUE: node[_VALUE]} if _VALUE in node else {}
    made |= {name: child for name, child in children.items() if not name.isdigit()}
    numbers = sorted(int(name) for name in children if name.isdigit())
    start = 0
    while start < len(numbers):
        stop = start
        while (
            stop + 1 < len(numbers)
            and numbers[stop + 1] == numbers[stop] + 1
            and (children[str(numbers[stop + 1])] == children[str(numbers[start])])
        ):
            stop += 1
        first, last = numbers[start], numbers[stop]
        made[str(first) if first == last else f"{{{first}..{last}}}"] = children[str(first)]
        start = stop + 1
    return made


def _flat(node: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name, child in node.items():
        if name == _VALUE and isinstance(child, str):
            yield ".".join(path), child
        else:
            yield from _flat(child, (*path, name))


def _expanded(key: str) -> Iterator[str]:
    match = _RANGE.search(key)
    if match is None:
        yield key
        return
    if len(match[2]) > len(str(MOST)) or int(match[1]) > int(match[2]):
        raise ValueError(f"{match[0]} is a range that no lock has")
    for number in range(int(match[1]), int(match[2]) + 1):
        yield from _expanded(f"{key[: match.start()]}{number}{key[match.end() :]}")
