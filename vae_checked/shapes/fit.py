"""Finds the formula of an axis from its sizes at many probes.

What is looked for: a constant; `c*((N+b)//k)+d` in one letter, which holds `a*N+b`, floors, ceilings and the sizes of
any chain of convolutions and of upsamplings by whole factors; products of such, times a constant, plus a constant;
sums of two such in different letters; and of a quotient and the same quotient divided again. Floors of floors need no
form of their own: `(N//j)//k = N//(j*k)`.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from vae_checked.shapes.formula import AxisFormula, Quotient, roughness

Point = Mapping[str, int]
_MOST_DIVISOR = 4096


MOST_CANDIDATES = 8
_MOST_STEPS = 9
_ENOUGH = 4 * MOST_CANDIDATES


def simple_candidates(points: Sequence[Point], values: Sequence[int], symbols: Sequence[str]) -> list[AxisFormula]:
    """Constants and formulas in one letter that agree with every observation, the simplest first."""
    if len(set(values)) == 1:
        return [AxisFormula(constant=values[0])]
    found = [formula for symbol in symbols for formula in in_one_letter(points, values, symbol)]
    return sorted(found, key=lambda formula: formula.simplicity)[:MOST_CANDIDATES]


def candidates(
    points: Sequence[Point],
    values: Sequence[int],
    symbols: Sequence[str],
    pool: Mapping[str, Collection[Quotient]] | None = None,
) -> list[AxisFormula]:
    """Formulas that agree with every observation, the simplest first; empty when none of the forms does.

    pool: quotients that other axes of the same model follow; products and sums are looked for among these first.
    """
    found = simple_candidates(points, values, symbols)
    if found:
        return found
    several = set(_in_several_letters(points, values, symbols, pool or {}))
    return sorted(several, key=lambda formula: formula.simplicity)[:MOST_CANDIDATES]


def quotients_in(formulas: Iterable[AxisFormula]) -> dict[str, set[Quotient]]:
    """The quotients of these formulas by their letters."""
    found: dict[str, set[Quotient]] = {}
    for formula in formulas:
        for quotient in _quotients_of(formula):
            found.setdefault(quotient.symbol, set()).add(quotient)
    return found


def in_one_letter(points: Sequence[Point], values: Sequence[int], symbol: str) -> list[AxisFormula]:
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
    found: list[AxisFormula] = []
    for form in (_floor_or_ceiling, _with_offset):
        before = len(found)
        for k, c in tried:
            found += form(pairs, symbol, c, k)
            if len(found) - before >= _ENOUGH:
                break
    return sorted(dict.fromkeys(found), key=lambda formula: formula.simplicity)


def _floor_or_ceiling(pairs: Sequence[tuple[int, int]], symbol: str, c: int, k: int) -> Iterator[AxisFormula]:
    """The formulas with this c and k of which b is 0 or k-1, and which agree."""
    first_size, first_value = pairs[0]
    for b in {0, k - 1}:
        d = first_value - c * ((first_size + b) // k)
        if all(c * ((size + b) // k) + d == value for size, value in pairs):
            yield _written(symbol, c, k, b, d)


def _with_offset(pairs: Sequence[tuple[int, int]], symbol: str, c: int, k: int) -> Iterator[AxisFormula]:
    """Formulas with this c and k: every b between two ends agrees, of which the ends and the middle are given."""
    first_size, first_value = pairs[0]
    for quotient in {first_size // k, (first_size + k - 1) // k}:
        d = first_value - c * quotient
        low, high = 0, k - 1
        for size, value in pairs:
            quotients, rest = divmod(value - d, c)
            low, high = max(low, k * quotients - size), min(high, k * (quotients + 1) - size - 1)
            if rest or low > high:
                break
        else:
            for b in {low, (low + high) // 2, high}:
                yield _written(symbol, c, k, b, d)


def _written(symbol: str, c: int, k: int, b: int, d: int) -> AxisFormula:
    # (N + b + k)//k is (N + b)//k + 1: move whole quotients from d into b.
    whole = round(d / c) if c > 1 else d
    quotient = Quotient(symbol, b + k * whole, k)
    if quotient.add % k == 0:
        return AxisFormula(((c, (Quotient(symbol, 0, k),)),), d - c * whole + c * (quotient.add // k))
    return AxisFormula(((c, (quotient,)),), d - c * whole)


def _in_several_letters(
    points: Sequence[Point], values: Sequence[int], symbols: Sequence[str], pool: Mapping[str, Collection[Quotient]]
) -> Iterator[AxisFormula]:
    moving: dict[str, list[Quotient]] = {}
    for symbol in symbols:
        swept = _sweep(points, values, symbol, symbols)
        if swept is not None:
            known = {Quotient(symbol), *pool.get(symbol, ()), *itertools.islice(swept, 3)}
            moving[symbol] = sorted(known, key=lambda quotient: quotient.simplicity)[:_MOST_STEPS]
    if not moving:
        return
    seen = {
        quotient: [quotient.at(point) for point in points] for quotients in moving.values() for quotient in quotients
    }
    for chosen in itertools.product(*moving.values()):
        yield from _scaled(seen, values, chosen)
    if len(moving) == 1:
        ((symbol, quotients),) = moving.items()
        yield from _halved_again(points, values, symbol, quotients)
    if len(moving) == 2:
        for chosen in itertools.product(*moving.values()):
            yield from (formula for formula in _added(points, values, chosen) if agrees(formula, points, values))
    for symbol, quotients in moving.items():
        others = [found for name, found in moving.items() if name != symbol]
        for count in (2, 3) if len(others) < 2 else (2,):
            for same in itertools.combinations_with_replacement(quotients, count):
                for rest in itertools.product(*others):
                    yield from _scaled(seen, values, (*same, *rest))


def _halved_again(
    points: Sequence[Point], values: Sequence[int], symbol: str, quotients: Collection[Quotient]
) -> Iterator[AxisFormula]:
    """`a*s + b*((s+j)//m) + d` for a quotient s: what is made of pieces of m, the last or the first of another size."""
    for quotient, m in itertools.product(quotients, (2, 3, 4)):
        for j in range(m):
            coarse = Quotient(symbol, quotient.add + j * quotient.by, m * quotient.by)
            rows = [(quotient.at(point), coarse.at(point), value) for point, value in zip(points, values, strict=True)]
            for formula in _through(rows, quotient, coarse):
                if all(
                    formula.terms[0][0] * s + formula.terms[1][0] * t + formula.constant == value
                    for s, t, value in rows
                ):
                    yield formula


def _through(rows: Sequence[tuple[int, int, int]], quotient: Quotient, coarse: Quotient) -> Iterator[AxisFormula]:
    """`a*s + b*t + d` through the first row and two more that fix a and b."""
    s0, t0, v0 = rows[0]
    moved = list(dict.fromkeys((s - s0, t - t0, value - v0) for s, t, value in rows[1:]))
    for (s1, t1, v1), (s2, t2, v2) in itertools.combinations(moved[:_MOST_STEPS], 2):
        area = s1 * t2 - s2 * t1
        if area:
            a, b = v1 * t2 - v2 * t1, s1 * v2 - s2 * v1
            if a % area == 0 and b % area == 0 and a and b:
                a, b = a // area, b // area
                yield AxisFormula(((a, (quotient,)), (b, (coarse,))), v0 - a * s0 - b * t0)
            return


def _sweep(
    points: Sequence[Point], values: Sequence[int], symbol: str, symbols: Sequence[str]
) -> Iterator[Quotient] | None:
    """Steps in `symbol` along the longest set of probes that share all other sizes; None where nothing moves."""
    groups: dict[tuple[int, ...], dict[int, int]] = {}
    for point, value in zip(points, values, strict=True):
        others = tuple(point[each] for each in symbols if each != symbol)
        groups.setdefault(others, {})[point[symbol]] = value
    longest = max(groups.values(), key=len)
    if len(longest) < 2 or len(set(longest.values())) < 2:
        return None
    formulas = in_one_letter([{symbol: size} for size in longest], list(longest.values()), symbol)
    return (quotient for formula in formulas for quotient in _quotients_of(formula))


def _quotients_of(formula: AxisFormula) -> Iterator[Quotient]:
    """The quotients of a formula, and of `c*N + c*d` also `N + d`, a factor where it is multiplied by others."""
    for factor, quotients in formula.terms:
        yield from quotients
        if formula.constant and len(formula.terms) == len(quotients) == 1 and formula.constant % factor == 0:
            (quotient,) = quotients
            yield Quotient(quotient.symbol, quotient.add + quotient.by * (formula.constant // factor), quotient.by)


def _scaled(
    seen: Mapping[Quotient, Sequence[int]], values: Sequence[int], quotients: tuple[Quotient, ...]
) -> Iterator[AxisFormula]:
    """`c * product + d`, where it agrees; `seen` holds what each quotient is at every probe."""
    products = seen[quotients[0]]
    for quotient in quotients[1:]:
        products = list(map(operator.mul, products, seen[quotient]))
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
        yield AxisFormula(((c, quotients),), d)


def _added(points: Sequence[Point], values: Sequence[int], quotients: tuple[Quotient, ...]) -> Iterator[AxisFormula]:
    """`a*quotient + b*quotient + d` through the observations at which one of the two quotients alone moves."""
    rates = []
    for quotient in quotients:
        others = [each for each in quotients if each is not quotient]
        pair = next(
            (
                (i, j)
                for i, j in itertools.combinations(range(len(points)), 2)
                if quotient.at(points[i]) != quotient.at(points[j])
                and all(o.at(points[i]) == o.at(points[j]) for o in others)
            ),
            None,
        )
        if pair is None:
            return
        rise, run = values[pair[1]] - values[pair[0]], quotient.at(points[pair[1]]) - quotient.at(points[pair[0]])
        if rise % run or not rise:
            return
        rates.append(rise // run)
    formula = AxisFormula(tuple((rate, (quotient,)) for rate, quotient in zip(rates, quotients, strict=True)))
    yield AxisFormula(formula.terms, values[0] - formula.at(points[0]))


def agrees(formula: AxisFormula, points: Sequence[Point], values: Sequence[int]) -> bool:
    """Whether the formula gives every one of the values."""
    return all(formula.at(point) == value for point, value in zip(points, values, strict=True))


def _gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return abs(a)


def _divisors(number: int) -> list[int]:
    small = [n for n in range(1, int(number**0.5) + 1) if number % n == 0]
    return sorted({*small, *(number // n for n in small)})
