"""The likelihood of counts by a negative binomial distribution: of a mean, and of a dispersion beside it.

With mean m and dispersion d a count x has the log likelihood x log(m / (d + m)) + d log(d / (d + m)) and what m does
not change; Lopez et al. 2018, https://doi.org/10.1038/s41592-018-0229-2, with zeros apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from vae_checked.linter.roles.logarithms import near, unguarded
from vae_checked.linter.roles.samplers import is_scalar
from vae_checked.linter.symbols.expression import OWN_LOGS, Expr, is_formula, strip
from vae_checked.linter.symbols.numeric import Program, close, leaves
from vae_checked.record import dataclass

_SUMS = frozenset(("add", "sub"))
_MAX_NEAR, _MAX_LOGS, _MOST_BESIDE, _LEAST = 40, 8, 3, 1e-6
_MEANS, _COUNTS = (0.7, 2.9, 5.3), (0.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Counted:
    """A log likelihood of counts by their mean, and its sign: -1 where it is the negative of one."""

    mean: Expr
    counts: Expr
    sign: int


def read(node: Expr) -> Counted | None:
    """The likelihood of counts that a sum is; None for others, and for a sum of which a part is one already."""
    if not _may_be(node) or any(_is_one(strip(arg)) for arg in node.args):
        return None
    return _read(node)


def _is_one(part: Expr) -> bool:
    return _may_be(part) and _read(part) is not None


def _may_be(node: Expr) -> bool:
    return (
        node.op in _SUMS and bool(node.bits & OWN_LOGS) and any(item.op == "lgamma" for item in near(node, _MAX_NEAR))
    )


def _read(node: Expr) -> Counted | None:
    if not is_formula(node):
        return None
    logs = [item for item in near(node, _MAX_NEAR) if item.op == "log"][:_MAX_LOGS]
    for log in logs:
        mean = unguarded(log.args[0])
        rest = leaves(node, (mean.uid,))
        beside = [leaf for leaf in rest if not is_scalar(leaf)]
        if mean.op in ("const", "add", "sub") or not 1 <= len(beside) <= _MOST_BESIDE:
            continue
        fixed = {leaf.uid: 1.3 + 0.4 * place for place, leaf in enumerate(rest)}
        for counts in beside:
            if counts.uid == mean.uid:
                continue
            sign = _sign(Program(node, (*fixed, mean.uid), ideal=True), fixed, mean.uid, counts.uid)
            if sign:
                return Counted(mean, counts, sign)
    return None


def _sign(program: Program, fixed: Mapping[int, float], mean: int, counts: int) -> int:
    """1 where a formula changes with the mean as a log likelihood of counts does, -1 as the negative; 0 otherwise."""
    first, *others = _MEANS
    found: set[int] = set()
    for other in others:
        changes = [
            program({**fixed, counts: x, mean: other}) - program({**fixed, counts: x, mean: first}) for x in _COUNTS
        ]
        if not all(map(math.isfinite, changes)):
            return 0
        slope = (changes[1] - changes[0]) / (_COUNTS[1] - _COUNTS[0])
        if not close(changes[2] - changes[0], slope * _COUNTS[2]):
            return 0
        found.add(next((sign for sign in (1, -1) if _fits(sign * slope, sign * changes[0], first, other)), 0))
    return found.pop() if len(found) == 1 else 0


def _fits(slope: float, without: float, first: float, other: float) -> bool:
    """Whether some dispersion explains by how much a count, and no count, make another mean likelier."""
    ratio = math.exp(math.log(other / first) - slope)
    if abs(1 - ratio) < _LEAST:
        return False
    dispersion = (ratio * first - other) / (1 - ratio)
    return dispersion > _LEAST and abs(without) > _LEAST and close(without, -dispersion * math.log(ratio))
