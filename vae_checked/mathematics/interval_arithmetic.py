"""Arithmetic on intervals: what a result can be when each argument can be anything in its interval.

Ends that are approached and never reached stay so. The arguments count as independent of one another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from vae_checked.facts import REAL, Interval

# A value, and whether it is only approached.
End = tuple[float, bool]


def spanned(ends: Iterable[End]) -> Interval | None:
    """The smallest interval that holds all `ends`, None where one of them is no number."""
    known = list(ends)
    if not known or any(math.isnan(value) for value, _ in known):
        return None
    low, high = min(value for value, _ in known), max(value for value, _ in known)
    return Interval(
        low + 0.0,
        high + 0.0,
        math.isfinite(low) and all(open_ for value, open_ in known if value == low),
        math.isfinite(high) and all(open_ for value, open_ in known if value == high),
    )


def ends_of(interval: Interval) -> tuple[End, End]:
    """Both ends; an infinite one is approached."""
    return (
        (interval.low, interval.low_open or math.isinf(interval.low)),
        (interval.high, interval.high_open or math.isinf(interval.high)),
    )


def hull(parts: Sequence[Interval | None]) -> Interval | None:
    """The smallest interval that holds all of them, None where one is unknown."""
    ends = [end for part in parts if part is not None for end in ends_of(part)]
    return spanned(ends) if parts and len(ends) == 2 * len(parts) else None


def intersection(one: Interval, other: Interval) -> Interval | None:
    """What lies in both, None where nothing does."""
    low, high = max(one.low, other.low), min(one.high, other.high)
    low_open = any(each.low_open for each in (one, other) if each.low == low)
    high_open = any(each.high_open for each in (one, other) if each.high == high)
    if low > high or (low == high and (low_open or high_open)):
        return None
    return Interval(low, high, low_open, high_open)


def negated(one: Interval) -> Interval:
    """-x."""
    return Interval(-one.high + 0.0, -one.low + 0.0, one.high_open, one.low_open)


def plus(one: Interval, other: Interval) -> Interval | None:
    """x + y."""
    (low, low_open), (high, high_open) = ends_of(one)
    (low_too, low_open_too), (high_too, high_open_too) = ends_of(other)
    return spanned(((low + low_too, low_open or low_open_too), (high + high_too, high_open or high_open_too)))


def minus(one: Interval, other: Interval) -> Interval | None:
    """x - y."""
    return plus(one, negated(other))


def times(one: Interval, other: Interval) -> Interval | None:
    """x * y."""
    return spanned(_corner(x, y) for x in ends_of(one) for y in ends_of(other))


def _corner(x: End, y: End) -> End:
    (left, left_open), (right, right_open) = x, y
    if left == 0.0 or right == 0.0:
        # A factor that is 0 makes the product 0 whatever the other is.
        return 0.0, not ((left == 0.0 and not left_open) or (right == 0.0 and not right_open))
    return left * right, left_open or right_open


def inverse(one: Interval) -> Interval | None:
    """1 / x; None where x passes through 0."""
    if one.low < 0.0 < one.high or (one.low == one.high == 0.0):
        return None
    below = one.high <= 0.0
    ends = []
    for value, open_ in ends_of(one):
        if value == 0.0:
            ends.append((-math.inf if below else math.inf, True))
        else:
            ends.append((1.0 / value, open_))
    return spanned(ends)


def over(one: Interval, other: Interval) -> Interval | None:
    """x / y; None where y passes through 0."""
    divisor = inverse(other)
    return None if divisor is None else times(one, divisor)


def magnitude(one: Interval) -> Interval:
    """|x|."""
    if one.low >= 0.0:
        return one
    if one.high <= 0.0:
        return negated(one)
    ends = [(abs(value), open_) for value, open_ in ends_of(one)]
    return spanned([(0.0, False), *ends]) or REAL


def power(base: Interval, exponent: Interval) -> Interval | None:
    """x ** y: over what is not negative unless y is one whole number."""
    if exponent.low != exponent.high:
        return _general_power(base, exponent)
    number = exponent.low
    if number == 0.0:
        return Interval(1.0, 1.0)
    if number < 0.0:
        positive = power(base, Interval(-number, -number))
        return None if positive is None else inverse(positive)
    whole = number == int(number) if math.isfinite(number) else False
    if whole and int(number) % 2:
        return spanned((_raised(value, number), open_) for value, open_ in ends_of(base))
    given = magnitude(base) if whole else intersection(base, Interval(0.0))
    return None if given is None else spanned((_raised(value, number), open_) for value, open_ in ends_of(given))


def _raised(value: float, exponent: float) -> float:
    try:
        return math.pow(value, exponent)
    except OverflowError:
        return math.copysign(math.inf, value) if exponent % 2 == 1 else math.inf


def _general_power(base: Interval, exponent: Interval) -> Interval | None:
    """exp(y log x), which is monotone in y and in log x."""
    given = intersection(base, Interval(0.0))
    if given is None:
        return None
    logs = image(math.log, given, domain=Interval(0.0, math.inf), limits=(-math.inf, math.inf))
    product = None if logs is None else times(logs, exponent)
    return None if product is None else image(math.exp, product)


def growing(function: Callable[[float, float], float], one: Interval, other: Interval) -> Interval | None:
    """What a function that grows in both of its arguments makes of them."""
    lows, highs = zip(ends_of(one), ends_of(other), strict=True)
    return spanned((function(left, right), x or y) for (left, x), (right, y) in (lows, highs))


def larger(one: Interval, other: Interval) -> Interval | None:
    """max(x, y): its low end is reached where no larger low end is open, its high end where a largest is reached."""
    low, high = max(one.low, other.low), max(one.high, other.high)
    low_open = any(open_ for value, open_ in (ends_of(one)[0], ends_of(other)[0]) if value == low)
    high_open = all(open_ for value, open_ in (ends_of(one)[1], ends_of(other)[1]) if value == high)
    return spanned(((low, low_open), (high, high_open)))


def smaller(one: Interval, other: Interval) -> Interval | None:
    """min(x, y)."""
    found = larger(negated(one), negated(other))
    return None if found is None else negated(found)


def image(
    function: Callable[[float], float],
    given: Interval,
    *,
    domain: Interval = REAL,
    limits: tuple[float | None, float | None] = (None, None),
    turns: Sequence[float] = (),
    jumps: Sequence[tuple[float, float, float]] = (),
    saturates: bool = False,
) -> Interval | None:
    """What `function` makes of the part of `given` that lies in its domain; None where none does.

    `limits` are approached at the ends of the domain, where the function itself does not say; between its `turns` it
    is monotone, and at each of its `jumps` (place, left limit, right limit) it leaps. One that `saturates` reaches the
    values that it tends to.
    """
    inside = intersection(given, domain)
    if inside is None:
        return None
    ends = [_end(function, inside, domain, limits, saturates, at_low) for at_low in (True, False)]
    ends += [(function(turn), False) for turn in turns if inside.low < turn < inside.high]
    for place, left, right in jumps:
        if inside.low <= place <= inside.high:
            ends.append((function(place), False))
            ends += [(left, True)] * (place > inside.low) + [(right, True)] * (place < inside.high)
    return spanned(ends)


def _end(
    function: Callable[[float], float],
    inside: Interval,
    domain: Interval,
    limits: tuple[float | None, float | None],
    saturates: bool,
    at_low: bool,
) -> End:
    """What `function` tends to at one end of an interval, and whether that is only approached."""
    place, open_ = ends_of(inside)[0 if at_low else 1]
    limit = limits[0 if at_low else 1]
    at_domains_end = place == (domain.low if at_low else domain.high)
    if at_domains_end and limit is not None and math.isinf(place):
        return limit, not saturates
    try:
        value = function(place)
    except OverflowError:
        # So far out that the result is beyond the numbers: as at the end of the domain.
        outer = _end(function, domain, domain, limits, saturates, place < 0.0)
        return outer[0], True
    except (ValueError, ZeroDivisionError):
        return (limit if at_domains_end and limit is not None else math.nan), True
    if open_ and saturates:
        beside = 0.0 if math.isinf(place) else place + (1e-6 if at_low else -1e-6) * (1.0 + abs(place))
        return value, math.isfinite(place) and function(beside) != value
    return value, open_
