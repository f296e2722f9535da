"""Small VAEs of a grammar that knows what each piece does: both observers say that, or leave it open."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from both_observers.comparison import opposites, reading
from both_observers.grammar import Choice, choices, told
from both_observers.observing import Seen, observe
from hypothesis import given

from vae_checked.facts import Facts


def observers(seen: Seen) -> dict[str, tuple[Facts, ...]]:
    return {"lint": seen.read.facts, "audit": seen.measured.facts}


def same(expected: Any, found: Any) -> bool:
    if isinstance(expected, float):
        return math.isclose(expected, found, rel_tol=1e-2, abs_tol=1e-3)
    if isinstance(expected, tuple) and len(expected) == len(found):
        return all(map(same, expected, found))
    return bool(expected == found)


@given(choices())
def test_both_observers_see_what_the_grammar_made(choice: Choice) -> None:
    seen = observe(choice.program)
    wrong, counted = [], Counter[str]()
    for observer, each in observers(seen).items():
        for facts in each:
            for path, expected in choice.facts.items():
                fact = facts.get(path)
                found = None if fact is None else told(path, fact.value)
                counted[observer] += found is not None
                if found is not None and not same(expected, found):
                    wrong.append(f"{observer}: {path} is {found}, not {expected}")
            ways = reading(facts)
            if ways is not None and (ways[0] is ways[1]) is not choice.alike:
                wrong.append(f"{observer}: std read as {ways[0]}, in the KL as {ways[1]}")
    assert wrong == []
    assert opposites(seen) == []
    assert min(counted[observer] for observer in ("lint", "audit")) >= len(choice.facts) // 2
