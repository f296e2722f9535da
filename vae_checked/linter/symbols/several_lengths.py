"""Tuples of several lengths, one for each way through a branch: which of them is meant, whoever takes it apart says."""

from __future__ import annotations

from collections.abc import Callable

from vae_checked.linter.symbols.values import Value

_Parts = tuple[Value, ...]


class SeveralLengths(tuple[Value, ...]):
    """The tuple of one way, with those of the others beside it: each has another number of parts.

    Whatever does not ask for a number of parts is given that of the first way.
    """

    others: tuple[_Parts, ...] = ()


def put_together(one: _Parts, other: _Parts, merge: Callable[[Value, Value], Value]) -> _Parts:
    """The tuples of two ways: those of one length are merged part by part, any other stands beside it."""
    found = {len(each): each for each in _all(one)}
    for each in _all(other):
        known = found.get(len(each))
        found[len(each)] = each if known is None else tuple(map(merge, known, each))
    first, *others = found.values()
    if not others:
        return first
    made = SeveralLengths(first)
    made.others = tuple(others)
    return made


def of_length(value: _Parts | list[Value], count: int) -> _Parts | list[Value]:
    """The tuple that has so many parts, of those that there are; the value itself where none has."""
    return next((each for each in _all(value) if len(each) == count), value) if isinstance(value, tuple) else value


def at(value: _Parts | list[Value], index: int) -> list[Value]:
    """The parts at an index, of the tuples that there are: none where they all are too short."""
    every = _all(value) if isinstance(value, tuple) else (value,)
    return [each[index] for each in every if -len(each) <= index < len(each)]


def _all(value: _Parts) -> tuple[_Parts, ...]:
    return (value, *value.others) if isinstance(value, SeveralLengths) else (value,)
