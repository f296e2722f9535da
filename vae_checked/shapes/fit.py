"""Finds the law of an axis from its sizes at many probes.

What is looked for: a constant; `c*((N+b)//k)+d` in one letter, which holds `a*N+b`, floors, ceilings and the sizes of
any chain of convolutions and of upsamplings by whole factors; products of such, times a constant, plus a constant;
sums of two such in different letters. Floors of floors need no form of their own: `(N//j)//k = N//(j*k)`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from vae_checked.shapes.law import Law, Step

Point = Mapping[str, int]
_MOST_DIVISOR = 256
_KEPT = 8


def candidates(points: Sequence[Point], values: Sequence[int], symbols: Sequence[str]) -> list[Law]:
    """Laws that agree with every observation, the simplest first; empty when none of the forms does."""
    if len(set(values)) == 1:
        return [Law(constant=values[0])]
    found = [law for symbol in symbols for law in in_one_letter(points, values, symbol)]
    if found:
        return sorted(found, key=lambda law: law.simplicity)[:_KEPT]
    found = [law for law in _in_several_letters(points, values, symbols) if _agrees(law, points, values)]
    return sorted(set(found), key=lambda law: law.simplicity)[:_KEPT]


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
    found = []
    for c in _divisors(common):
        # c*((N+b)//k) rises by c*span/k, give or take less than c.
        least = -(-c * span // (rise + c))
        most = c * span // (rise - c) if rise > c else _MOST_DIVISOR
        for k in range(max(1, least), min(most, _MOST_DIVISOR) + 1):
            found += list(_with_offset(pairs, symbol, c, k))
    return sorted(found, key=lambda law: law.simplicity)


def _with_offset(pairs: Sequence[tuple[int, int]], symbol: str, c: int, k: int) -> Iterator[Law]:
    first_size, first_value = pairs[0]
    for b in range(k):
        d = first_value - c * ((first_size + b) // k)
        if all(c * ((size + b) // k) + d == value for size, value in pairs):
            # (N + b + k)//k is (N + b)//k + 1: move whole steps from d into b.
            whole = round(d / c) if c > 1 else d
            step = Step(symbol, b + k * whole, k)
            if step.add % k == 0:
                yield Law(((c, (Step(symbol, 0, k),)),), d - c * whole + c * (step.add // k))
            else:
                yield Law(((c, (step,)),), d - c * whole)


def _in_several_letters(points: Sequence[Point], values: Sequence[int], symbols: Sequence[str]) -> Iterator[Law]:
    sweeps = {symbol: _sweep(points, values, symbol, symbols) for symbol in symbols}
    moving = {symbol: laws for symbol, laws in sweeps.items() if laws}
    if not moving:
        return
    choices = [laws[:_KEPT] for laws in moving.values()]
    for chosen in itertools.product(*choices):
        steps = tuple(step for law in chosen for _, inner in law.terms for step in inner)
        yield from _scaled(points, values, steps)
        if len(chosen) == 2:
            yield from _added(points, values, chosen)
    for symbol, laws in moving.items():
        pool = {Step(symbol), *(step for law in laws for _, inner in law.terms for step in inner)}
        pool |= {Step(symbol, 0, by) for by in (2, 4, 8, 16, 32)}
        others = [[law.terms[0][1][0] for law in found[:2]] for name, found in moving.items() if name != symbol]
        for count in (2, 3):
            for same in itertools.combinations_with_replacement(sorted(pool, key=lambda s: s.simplicity), count):
                for rest in itertools.product(*others):
                    yield from _scaled(points, values, (*same, *rest))


def _sweep(points: Sequence[Point], values: Sequence[int], symbol: str, symbols: Sequence[str]) -> list[Law]:
    """Laws in `symbol` alone along the longest set of probes that share all other sizes."""
    groups: dict[tuple[int, ...], dict[int, int]] = {}
    for point, value in zip(points, values, strict=True):
        others = tuple(point[each] for each in symbols if each != symbol)
        groups.setdefault(others, {})[point[symbol]] = value
    longest = max(groups.values(), key=len)
    if len(longest) < 2 or len(set(longest.values())) < 2:
        return []
    line = [{symbol: size} for size in longest]
    return in_one_letter(line, list(longest.values()), symbol) or [Law(((1, (Step(symbol),)),))]


def _scaled(points: Sequence[Point], values: Sequence[int], steps: tuple[Step, ...]) -> Iterator[Law]:
    """`c * product + d` through the first two observations that tell the two apart."""
    products = []
    for point in points:
        product = 1
        for step in steps:
            product *= step.at(point)
        products.append(product)
    other = next((i for i, product in enumerate(products) if product != products[0]), None)
    if other is None:
        return
    rise, run = values[other] - values[0], products[other] - products[0]
    if rise % run == 0 and rise:
        c = rise // run
        yield Law(((c, steps),), values[0] - c * products[0])


def _added(points: Sequence[Point], values: Sequence[int], laws: Sequence[Law]) -> Iterator[Law]:
    terms = tuple(term for law in laws for term in law.terms)
    law = Law(terms)
    yield Law(terms, values[0] - law.at(points[0]))


def _agrees(law: Law, points: Sequence[Point], values: Sequence[int]) -> bool:
    return all(law.at(point) == value for point, value in zip(points, values, strict=True))


def _gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return abs(a)


def _divisors(number: int) -> list[int]:
    small = [n for n in range(1, int(number**0.5) + 1) if number % n == 0]
    return sorted({*small, *(number // n for n in small)})
