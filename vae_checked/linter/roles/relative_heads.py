"""A posterior that is given relative to its prior: the KL is that of both ratios to N(0, I)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from vae_checked.facts import Parametrisation
from vae_checked.linter.roles.candidate_heads import NEVER_HEADS
from vae_checked.linter.symbols.expression import Expr
from vae_checked.linter.symbols.numeric import Program, close
from vae_checked.mathematics.gaussians import gaussian_kl, std_at
from vae_checked.record import dataclass

_LEAST = 1e-3
_RESIDUALS = ((0.7, 0.6, 0.9), (-1.1, 1.7, 0.4), (0.4, 2.1, 1.6), (1.6, 0.4, 2.2))


@dataclass(frozen=True, slots=True)
class Relative:
    """The mean and the head for std relative to those of the prior, and how many KLs the formula is."""

    location: Expr
    head: Expr
    parametrisation: Parametrisation
    factor: float


def read(node: Expr, tensors: Sequence[Expr], scalars: Sequence[int]) -> Relative | None:
    """KL of a posterior that is given relative to its prior: N(mu + d, (std * r)^2) to N(mu, std^2).

    It is the KL of (d / std, r) to N(0, I); Vahdat and Kautz 2020, equation 2.
    """
    if any(leaf.op in NEVER_HEADS for leaf in tensors):
        return None
    ones = dict.fromkeys(scalars, 1.0)
    program = Program(node, (*scalars, *(leaf.uid for leaf in tensors)), ideal=True)
    for location, head, prior in itertools.permutations(tensors):

        def value(m: float, s: float, p: float, uids: tuple[int, ...] = (location.uid, head.uid, prior.uid)) -> float:
            return program({**ones, **dict(zip(uids, (m, s, p), strict=True))})

        base = value(0.0, *_RESIDUALS[0][1:])
        square = value(1.0, *_RESIDUALS[0][1:]) - base
        if not abs(square) > _LEAST or not close(value(-2.0, *_RESIDUALS[0][1:]) - base, 4.0 * square):
            continue
        for scale, parametrisation in itertools.product(Parametrisation, repeat=2):
            ratios = (
                value(m * std_at(scale, p), s, p) / gaussian_kl(m, std_at(parametrisation, s)) for m, s, p in _RESIDUALS
            )
            factor = next(ratios)
            if abs(factor) > _LEAST and all(close(factor, ratio) for ratio in ratios):
                return Relative(location, head, parametrisation, factor)
    return None
