"""When a reconstruction has the shape of its input, in words that are also Python."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from vae_checked.shapes.domain import Range
from vae_checked.shapes.formula import NO_FORMULA, evaluate, symbols_in

ALWAYS = "always"
NEVER = "never"
UNKNOWN = "unknown"
_PERIOD = 256


def constraint(x: Sequence[str], x_hat: Sequence[str] | None, ranges: Mapping[str, Range]) -> str:
    """`H % 8 == 0 and W % 8 == 0`, `always`, or `never: ...`; `unknown: ...` where there is nothing to compare.

    x and x_hat: the formulas of the axes. What is never accepted plays no part: only sizes in `ranges` are looked at.
    """
    if x_hat is None:
        return f"{UNKNOWN}: no reconstruction was recognised"
    if len(x) != len(x_hat):
        return f"{NEVER}: the input has {len(x)} axes, the reconstruction {len(x_hat)}"
    conditions: list[str] = []
    for position, (wanted, got) in enumerate(zip(x, x_hat, strict=True)):
        condition = _equal(wanted, got, ranges)
        if condition == NEVER:
            return f"{NEVER}: axis {position} is {got}, the input's {wanted}"
        if condition == UNKNOWN:
            return f"{UNKNOWN}: axis {position} is {got}, the input's {wanted}"
        if condition != ALWAYS and condition not in conditions:
            conditions.append(condition)
    for symbol, found in ranges.items():
        if found.fixed:
            conditions = [each for each in conditions if not each.startswith(f"{symbol} ")]
            conditions.append(f"{symbol} == {found.low}")
        elif found.step > 1:
            rule = f"{symbol} % {found.step} == {found.low % found.step}"
            conditions += [rule] if not any(each.startswith(f"{symbol} ") for each in conditions) else []
    return " and ".join(conditions) or ALWAYS


def _equal(wanted: str, got: str, ranges: Mapping[str, Range]) -> str:
    if NO_FORMULA in (wanted, got) or "..." in (wanted, got):
        return UNKNOWN
    if wanted == got:
        return ALWAYS
    letters = sorted(symbols_in(wanted) | symbols_in(got))
    if not letters:
        return NEVER
    if len(letters) > 1:
        return f"{got} == {wanted}"
    symbol = letters[0]
    period = max(_PERIOD, *(int(number) for number in re.findall(r"\d+", f"{wanted} {got} 1")))
    accepted = list(ranges[symbol].up_to(2 * period * ranges[symbol].step))
    equal = [size for size in accepted if evaluate(wanted, {symbol: size}) == evaluate(got, {symbol: size})]
    if not equal:
        return NEVER
    if len(equal) == len(accepted):
        return ALWAYS
    return _described(symbol, accepted, equal)


def _described(symbol: str, accepted: Sequence[int], equal: Sequence[int]) -> str:
    if len(equal) == 1:
        return f"{symbol} == {equal[0]}"
    chosen = set(equal)
    for period in [size - equal[0] for size in equal[1:] if 2 * (size - equal[0]) <= accepted[-1] - accepted[0]]:
        residues = {size % period for size in equal}
        if len(residues) < period and all((size % period in residues) == (size in chosen) for size in accepted):
            if len(residues) == 1:
                return f"{symbol} % {period} == {residues.pop()}"
            return f"{symbol} % {period} in ({', '.join(map(str, sorted(residues)))})"
    if equal == [size for size in accepted if equal[0] <= size <= equal[-1]]:
        return f"{equal[0]} <= {symbol} <= {equal[-1]}"
    return f"{symbol} in ({', '.join(map(str, equal[:12]))})"
