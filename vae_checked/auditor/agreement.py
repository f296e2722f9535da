"""What several readings of one loss agree in: a guess is judged only where every reading of it says the same."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace

from vae_checked.facts import GROUPS, Facts

_CLOSE = 1e-3


def agreed(
    first: Sequence[Facts], others: Sequence[Sequence[Facts]], readings: Sequence[Mapping[str, str]]
) -> list[Facts]:
    """The facts of the first reading without those that another reading denies or has not.

    `readings` are the bindings of each, the first one's among them; they stand in the reason.
    """
    if not others:
        return list(first)
    reason = (
        f"it depends on the order in which the loss takes its arguments, and no name tells which is meant: "
        f'bind="{written(readings[0])}" settles it, or bind="{written(readings[1])}"'
    )
    return [_agreed(facts, [_at(other, place) for other in others], reason) for place, facts in enumerate(first)]


def _same(one: object, other: object) -> bool:
    """Whether two values are one, numbers within it up to what their rounding leaves."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or math.isclose(one, other, rel_tol=_CLOSE, abs_tol=_CLOSE)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if is_dataclass(one) and not isinstance(one, type) and type(one) is type(other):
        return all(_same(getattr(one, each.name), getattr(other, each.name)) for each in fields(one))
    return one == other


def written(bindings: Mapping[str, str]) -> str:
    """Bindings as `bind` takes them."""
    return ",".join(f"{name}={value}" for name, value in bindings.items())


def _at(facts: Sequence[Facts], place: int) -> Facts:
    return facts[place] if place < len(facts) else Facts("")


def _agreed(facts: Facts, others: Sequence[Facts], reason: str) -> Facts:
    denied: dict[str, str] = {}
    groups = {}
    for name in GROUPS:
        group = getattr(facts, name)
        changed: dict[str, None] = {}
        for each in fields(group):
            path = f"{name}.{each.name}"
            fact = facts.get(path)
            if fact is None:
                continue
            told = [other.get(path) for other in others]
            if any(other is None or not _same(other.value, fact.value) for other in told):
                changed[each.name] = None
                denied[path] = reason
        groups[name] = replace(group, **changed)
    return replace(facts, **groups, unobserved={**facts.unobserved, **denied})
