"""Finds the law of an axis from its sizes at many probes.

What is looked for: a constant; `c*((N+b)//k)+d` in one letter, which holds `a*N+b`, floors, ceilings and the sizes of
any chain of convolutions and of upsamplings by whole factors; products of such, times a constant, plus a constant;
sums of two such in different letters; and of a step and the same step divided again. Floors of floors need no form of
their own: `(N//j)//k = N//(j*k)`.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from vae_checked.shapes.law import Law, Step, roughness

Point = Mapping[str, int]
_MOST_DIVISOR = 4096


MOST_CANDIDATES = 8
_MOST_STEPS = 9
_ENOUGH = 4 * MOST_CANDIDATES


def simple_candidates(points: Sequence[Point], values: Sequence[int], symbols: Sequence[str]) -> list[Law]:
    """Constants and laws in one letter that agree with every observation, the simplest first."""
    if len(set(values)) == 1:
        return [Law(constant=values[0])]
    found = [law for symbol in symbols for law in in_one_letter(points, values, symbol)]
    return sorted(found, key=lambda law: law.simplicity)[:MOST_CANDIDATES]


def candidates(
    points: Sequence[Point],
    values: Sequence[int],
    symbols: Sequence[str],
    pool: Mapping[str, Collection[Step]] | None = None,
) -> list[Law]:
    """Laws that agree with every observation, the simplest first; empty when none of the forms does.

    pool: steps that other axes of the same model follow; products and sums are looked for among these first.
    """
    found = simple_candidates(points, values, symbols)
    if found:
        return found
    several = set(_in_several_letters(points, values, symbols, pool or {}))
    return sorted(several, key=lambda law: law.simplicity)[:MOST_CANDIDATES]


def steps_in(laws: Iterable[Law]) -> dict[str, set[Step]]:
    """The steps of these laws by their letters."""
    found: dict[str, set[Step]] = {}
    for law in laws:
        for step in _steps_of(law):
            found.setdefault(step.symbol, set()).add(step)
    return found


def in_one_letter(points: Sequence[Point], values: Sequence[int], symbol: str) -> list[Law]:
    """Every `c*((N+b)//k)+d` that agrees, N the size of `symbol`; d as near 0 as it can be."""
    observed: dict[int, int] = {}
    for point, value in zip(points, values, strict=True):
        if observed.setdefault(point[symbol], value) != value:
            return []
    pairs = sorted(observed.items())
    rise, span = pairs[-1][1] - pairs[0][1], pairs[-1][0] - pairs[0][0]
    common = 0
    for _, value in pairs[1:]:
        common = _gcd(common, value - pairs[0][1])
    if not span or rise <= 0 or not common:
        return []
    ways: dict[int, list[int]] = {}
    for c in _divisors(common):
        # c*((N+b)//k) rises by c*span/k, give or take less than c.
        least = -(-c * span // (rise + c))
        most = c * span // (rise - c) if rise > c else _MOST_DIVISOR
        for k in range(max(1, least), min(most, _MOST_DIVISOR) + 1):
            ways.setdefault(k, []).append(c)
    # Strides multiply to numbers of small factors: where many divisors agree, these are looked at first.
    tried = [(k, c) for k in sorted(ways, key=lambda k: (roughness(k), k)) for c in ways[k]]
    found: list[Law] = []
    for form in (_floor_or_ceiling, _with_offset):
        before = len(found)
        for k, c in tried:
            found += form(pairs, symbol, c, k)
            if len(found) - before >= _ENOUGH:
                break
    return sorted(dict.fromkeys(found), key=lambda law: law.simplicity)


def _floor_or_ceiling(pairs: Sequence[tuple[int, int]], symbol: str, c: int, k: int) -> Iterator[Law]:
    """The laws with this c and k of which b is 0 or k-1, and which agree."""
    first_size, first_value = pairs[0]
    for b in {0, k - 1}:
        d = first_value - c * ((first_size + b) // k)
        if all(c * ((size + b) // k) + d == value for size, value in pairs):
            yield _written(symbol, c, k, b, d)


def _with_offset(pairs: Sequence[tuple[int, int]], symbol: str, c: int, k: int) -> Iterator[Law]:
    """Laws with this c and k: every b between two ends agrees, of which the ends and the middle are given."""
    first_size, first_value = pairs[0]
    for quotient in {first_size // k, (first_size + k - 1) // k}:
        d = first_value - c * quotient
        low, high = 0, k - 1
        for size, value in pairs:
            steps, rest = divmod(value - d, c)
            low, high = max(low, k * steps - size), min(high, k * (steps + 1) - size - 1)
            if rest or low > high:
                break
        else:
            for b in {low, (low + high) // 2, high}:
                yield _written(symbol, c, k, b, d)


def _written(symbol: str, c: int, k: int, b: int, d: int) -> Law:
    # (N + b + k)//k is (N + b)//k + 1: move whole steps from d into b.
    whole = round(d / c) if c > 1 else d
    step = Step(symbol, b + k * whole, k)
    if step.add % k == 0:
        return Law(((c, (Step(symbol, 0, k),)),), d - c * whole + c * (step.add // k))
    return Law(((c, (step,)),), d - c * whole)


def _in_several_letters(
    points: Sequence[Point], values: Sequence[int], symbols: Sequence[str], pool: Mapping[str, Collection[Step]]
) -> Iterator[Law]:
    moving: dict[str, list[Step]] = {}
    for symbol in symbols:
        swept = _sweep(points, values, symbol, symbols)
        if swept is not None:
            known = {Step(symbol), *pool.get(symbol, ()), *itertools.islice(swept, 3)}
            moving[symbol] = sorted(known, key=lambda step: step.simplicity)[:_MOST_STEPS]
    if not moving:
        return
    seen = {step: [step.at(point) for point in points] for steps in moving.values() for step in steps}
    for chosen in itertools.product(*moving.values()):
        yield from _scaled(seen, values, chosen)
    if len(moving) == 1:
        ((symbol, steps),) = moving.items()
        yield from _halved_again(points, values, symbol, steps)
    if len(moving) == 2:
        for chosen in itertools.product(*moving.values()):
            yield from (law for law in _added(points, values, chosen) if agrees(law, points, values))
    for symbol, steps in moving.items():
        others = [found for name, found in moving.items() if name != symbol]
        for count in (2, 3) if len(others) < 2 else (2,):
            for same in itertools.combinations_with_replacement(steps, count):
                for rest in itertools.product(*others):
                    yield from _scaled(seen, values, (*same, *rest))


def _halved_again(
    points: Sequence[Point], values: Sequence[int], symbol: str, steps: Collection[Step]
) -> Iterator[Law]:
    """`a*s + b*((s+j)//m) + d` for a step s: what is made of pieces of m, the last or the first of another size."""
    for step, m in itertools.product(steps, (2, 3, 4)):
        for j in range(m):
            coarse = Step(symbol, step.add + j * step.by, m * step.by)
            rows = [(step.at(point), coarse.at(point), value) for point, value in zip(points, values, strict=True)]
            for law in _through(rows, step, coarse):
                if all(law.terms[0][0] * s + law.terms[1][0] * t + law.constant == value for s, t, value in rows):
                    yield law


def _through(rows: Sequence[tuple[int, int, int]], step: Step, coarse: Step) -> Iterator[Law]:
    """`a*s + b*t + d` through the first row and two more that fix a and b."""
    s0, t0, v0 = rows[0]
    moved = list(dict.fromkeys((s - s0, t - t0, value - v0) for s, t, value in rows[1:]))
    for (s1, t1, v1), (s2, t2, v2) in itertools.combinations(moved[:_MOST_STEPS], 2):
        area = s1 * t2 - s2 * t1
        if area:
            a, b = v1 * t2 - v2 * t1, s1 * v2 - s2 * v1
            if a % area == 0 and b % area == 0 and a and b:
                a, b = a // area, b // area
                yield Law(((a, (step,)), (b, (coarse,))), v0 - a * s0 - b * t0)
            return


def _sweep(
    points: Sequence[Point], values: Sequence[int], symbol: str, symbols: Sequence[str]
) -> Iterator[Step] | None:
    """Steps in `symbol` along the longest set of probes that share all other sizes; None where nothing moves."""
    groups: dict[tuple[int, ...], dict[int, int]] = {}
    for point, value in zip(points, values, strict=True):
        others = tuple(point[each] for each in symbols if each != symbol)
        groups.setdefault(others, {})[point[symbol]] = value
    longest = max(groups.values(), key=len)
    if len(longest) < 2 or len(set(longest.values())) < 2:
        return None
    laws = in_one_letter([{symbol: size} for size in longest], list(longest.values()), symbol)
    return (step for law in laws for step in _steps_of(law))


def _steps_of(law: Law) -> Iterator[Step]:
    """The steps of a law, and of `c*N + c*d` also `N + d`, which is a factor where it is multiplied by others."""
    for factor, steps in law.terms:
        yield from steps
        if law.constant and len(law.terms) == len(steps) == 1 and law.constant % factor == 0:
            (step,) = steps
            yield Step(step.symbol, step.add + step.by * (law.constant // factor), step.by)


def _scaled(seen: Mapping[Step, Sequence[int]], values: Sequence[int], steps: tuple[Step, ...]) -> Iterator[Law]:
    """`c * product + d`, where it agrees; `seen` holds what each step is at every probe."""
    products = seen[steps[0]]
    for step in steps[1:]:
        products = list(map(operator.mul, products, seen[step]))
    start, first = products[0], values[0]
    other = next((i for i, product in enumerate(products) if product != start), None)
    if other is None:
        return
    rise, run = values[other] - first, products[other] - start
    if rise % run or not rise:
        return
    c = rise // run
    d = first - c * start
    if all(c * product + d == value for product, value in zip(products, values, strict=True)):
        yield Law(((c, steps),), d)


def _added(points: Sequence[Point], values: Sequence[int], steps: tuple[Step, ...]) -> Iterator[Law]:
    """`a*step + b*step + d` through the observations at which one of the two steps alone moves."""
    rates = []
    for step in steps:
        others = [each for each in steps if each is not step]
        pair = next(
            (
                (i, j)
                for i, j in itertools.combinations(range(len(points)), 2)
                if step.at(points[i]) != step.at(points[j]) and all(o.at(points[i]) == o.at(points[j]) for o in others)
            ),
            None,
        )
        if pair is None:
            return
        rise, run = values[pair[1]] - values[pair[0]], step.at(points[pair[1]]) - step.at(points[pair[0]])
        if rise % run or not rise:
            return
        rates.append(rise // run)
    law = Law(tuple((rate, (step,)) for rate, step in zip(rates, steps, strict=True)))
    yield Law(law.terms, values[0] - law.at(points[0]))


def agrees(law: Law, points: Sequence[Point], values: Sequence[int]) -> bool:
    """Whether the law gives every one of the values."""
    return all(law.at(point) == value for point, value in zip(points, values, strict=True))


def _gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return abs(a)


def _divisors(number: int) -> list[int]:
    small = [n for n in range(1, int(number**0.5) + 1) if number % n == 0]
    return sorted({*small, *(number // n for n in small)})
