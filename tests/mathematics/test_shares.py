"""What is divided by its own sum or length is at most 1, whatever keeps that from being 0."""

from __future__ import annotations

import math
from itertools import count

import pytest

from vae_checked.facts import REAL, UNIT, Interval
from vae_checked.mathematics.intervals import Intervals, Origin
from vae_checked.mathematics.ops import OPERATIONS

_uids = count(1)


class Value:
    """A node of a graph that is neither observer's."""

    def __init__(self, op: str, *args: Value, **settings: float) -> None:
        self.uid, self.op, self.args, self._settings = next(_uids), op, args, settings

    def get(self, name: str) -> float | None:
        return self._settings.get(name)


def number(value: float) -> Value:
    return Value("number", value=value)


def origin(node: Value) -> Origin:
    if node.op == "number":
        value = node.get("value")
        return None if value is None else Interval(value, value)
    return REAL if node.op == "free" else OPERATIONS.get(node.op)


def interval_of(node: Value) -> Interval | None:
    return Intervals(origin).of(node)


def ratio(part: Value, whole: Value) -> Interval | None:
    return interval_of(Value("div", part, whole))


def test_a_share_of_a_sum_is_at_most_the_whole() -> None:
    parts = Value("exp", Value("free"))
    assert ratio(parts, Value("sum", parts)) == Interval(0.0, 1.0, True)
    assert ratio(Value("cast", parts), Value("unsqueeze", Value("sum", Value("detach", parts)))) == Interval(0, 1, True)
    assert ratio(parts, Value("add", Value("sum", parts), number(1e-8))) == Interval(0.0, 1.0, True)
    assert ratio(parts, Value("mul", number(4.0), Value("sum", parts))) == Interval(0.0, 0.25, True)
    assert ratio(parts, Value("mul", number(0.5), Value("sum", parts))) == Interval(0.0, 2.0, True)
    assert ratio(parts, Value("maximum", Value("sum", parts), number(1e-8))) == Interval(0.0, 1.0, True)


def test_a_bound_of_the_sum_counts_as_far_as_it_reaches() -> None:
    parts = Value("clamp", Value("free"), low=1e-9, high=8.0)
    whole = Value("sum", parts)
    bounded = [ratio(parts, Value("clamp", whole, low=1e-9, high=high)) for high in (16.0, 8.0, 4.0)]
    assert [each.high for each in bounded if each is not None] == [1.0, 1.0, 2.0]


def test_a_part_of_a_vector_is_no_longer_than_it() -> None:
    free = Value("free")
    length = Value("sqrt", Value("sum", Value("square", free)))
    assert ratio(free, length) == Interval(-1.0, 1.0)
    assert ratio(free, Value("pow", Value("sum", Value("square", free)), number(0.5))) == Interval(-1.0, 1.0)
    assert ratio(free, Value("sum", Value("abs", free))) == Interval(-1.0, 1.0)
    positive = Value("relu", Value("free"))
    halves = Value("square", Value("mul", number(0.5), positive))
    by_halves = ratio(positive, Value("sqrt", Value("sum", halves)))
    assert by_halves is not None
    assert by_halves.high == 2.0
    by_norm = ratio(positive, Value("clamp", Value("norm", positive, power=1.0), low=1e-12))
    assert by_norm is not None
    assert UNIT.contains(by_norm)


def test_a_difference_to_the_logarithm_of_the_sum_is_not_positive() -> None:
    free = Value("free")
    log = Value("log", Value("sum", Value("exp", free)))
    assert interval_of(Value("sub", free, log)) == Interval(-math.inf, 0.0)
    assert interval_of(Value("exp", Value("sub", free, log))) == Interval(0.0, 1.0, True)
    assert interval_of(Value("sub", Value("free"), log)) == REAL


@pytest.mark.parametrize("power", [0.0, -1.0])
def test_other_values_say_nothing_of_the_share(power: float) -> None:
    parts, others = Value("exp", Value("free")), Value("exp", Value("free"))
    anything = Interval(0.0, math.inf, True)
    assert ratio(parts, Value("sum", others)) == anything
    assert ratio(parts, Value("mean", parts)) == anything
    assert ratio(Value("mul", number(2.0), parts), Value("sum", parts)) == anything
    assert ratio(parts, Value("norm", parts, power=power)) == anything
    assert ratio(parts, Value("sqrt", Value("sum", parts))) == anything
    signed = Value("free")
    assert ratio(signed, Value("pow", Value("sum", Value("square", signed)), number(0.25))) == REAL
    assert ratio(parts, Value("add", Value("sum", parts), signed)) is None
    bounded = Value("clamp", signed, low=2.0, high=8.0)
    assert ratio(bounded, Value("add", Value("sum", bounded), Value("tanh", signed))) == Interval(0.0, 8.0, True, True)
    assert ratio(signed, Value("exp", Value("sum", signed))) == REAL
