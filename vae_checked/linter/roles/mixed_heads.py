"""A KL whose terms read the log variances of two posteriors: `1 + other_logvar - mu^2 - exp(logvar)`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

from vae_checked.facts import Parametrisation
from vae_checked.linter.roles.candidate_heads import NEVER_HEADS
from vae_checked.linter.symbols.expression import Expr
from vae_checked.linter.symbols.numeric import Program, close
from vae_checked.mathematics.gaussians import gaussian_kl, std_at
from vae_checked.record import dataclass

_LEAST = 1e-3
_AT = ((0.7, -0.4), (-1.3, 0.9), (0.2, 1.6), (1.9, 0.3))
_APART = (-1.1, 0.6, 2.3)
# Where the formula is shown, the other head being 0.
_SHOWN = ((0.0, 1.0), (1.0, -1.0), (2.0, 1.0))
# The coefficient of the head for std's linear term in the closed form.
_LINEAR = {Parametrisation.LOGVAR: -0.5, Parametrisation.LOG_STD: -1.0}


@dataclass(frozen=True, slots=True)
class Mixed:
    """The mean, the head that is exponentiated, the one that stands in its place beside it, and what is shown."""

    location: Expr
    head: Expr
    other: Expr
    factor: float
    values: tuple[tuple[float, float, float, float], ...]


def read(node: Expr, tensors: Sequence[Expr], scalars: Sequence[int]) -> Mixed | None:
    """The formula of three leaves that is a KL where two of them are equal, one of which it takes linearly alone."""
    if any(leaf.op in NEVER_HEADS for leaf in tensors):
        return None
    program = Program(node, (*scalars, *(leaf.uid for leaf in tensors)), ideal=True)
    ones = dict.fromkeys(scalars, 1.0)
    for location, head, other in itertools.permutations(tensors):

        def value(m: float, s: float, t: float, uids: tuple[int, ...] = (location.uid, head.uid, other.uid)) -> float:
            return program({**ones, **dict(zip(uids, (m, s, t), strict=True))})

        for kind in _LINEAR:
            factor = _factor(value, kind)
            if factor is not None:
                shown = tuple((m, s, value(m, s, 0.0) / factor, gaussian_kl(m, std_at(kind, s))) for m, s in _SHOWN)
                return Mixed(location, head, other, factor, shown)
    return None


def _factor(value: Callable[[float, float, float], float], kind: Parametrisation) -> float | None:
    """How many KLs a formula is where both heads are equal, if it only moves with the other by that one's term."""
    ratios = [value(m, s, s) / gaussian_kl(m, std_at(kind, s)) for m, s in _AT]
    factor = ratios[0]
    if not math.isfinite(factor) or abs(factor) <= _LEAST or not all(close(factor, ratio) for ratio in ratios):
        return None
    linear = factor * _LINEAR[kind]
    moves = all(close(value(m, s, t) - value(m, s, s), linear * (t - s)) for (m, s) in _AT for t in _APART)
    return factor if moves else None
