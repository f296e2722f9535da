"""Estimates of a KL to a prior that is not read, as to that of a flow: known by the posterior's density at its draw."""

from __future__ import annotations

import math

from vae_checked.facts import NoiseLaw
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.samplers import SamplerSite, is_scalar
from vae_checked.linter.symbols.expression import NOISE, OWN_LOGS, Expr, is_formula, strip
from vae_checked.linter.symbols.numeric import Program, close, leaves

_SUMS = ("add", "sub")
# A mean, a head for std, a draw, and numbers.
_MOST_LEAVES = 8
_HEADS = ((0.4, 0.7), (-1.2, 1.6), (0.9, 2.3))
_LEAST = 1e-3


def own_density(site: SamplerSite, losses: Losses) -> Expr | None:
    """The sum that is, but for a factor and a constant, the log density of a posterior at its own draw; None without.

    At z = mu + std * eps that is -eps^2 / 2 - log std, whatever mu is.
    """
    head = site.fitting_head
    if head is None or site.bent or site.noise.get("law") is not NoiseLaw.STANDARD_NORMAL:
        return None
    return next(
        (node for node in losses.read_once(_sums).get(site.noise.uid, ()) if _is_density(node, site, head)), None
    )


def _sums(losses: Losses) -> dict[int, list[Expr]]:
    """Per draw the sums that are computed from it element by element, and from no other draw."""
    found: dict[int, list[Expr]] = {}
    for node in losses.graph.having(*_SUMS):
        if node.bits & (NOISE | OWN_LOGS) == NOISE | OWN_LOGS and is_formula(node):
            drawn = [leaf.uid for leaf in leaves(node, most=_MOST_LEAVES) if leaf.op == "noise"]
            if len(drawn) == 1:
                found.setdefault(drawn[0], []).append(node)
    return found


def _is_density(node: Expr, site: SamplerSite, head: Expr) -> bool:
    mean, noise = strip(site.location).uid, site.noise.uid
    scalars = leaves(node, (mean, head.uid, noise))
    of_scale = leaves(site.scale, (head.uid,))
    if not all(map(is_scalar, (*scalars, *of_scale))):
        return False
    ones = {leaf.uid: 1.0 for leaf in (*scalars, *of_scale)}
    density = Program(node, (*ones, mean, head.uid, noise), ideal=True)
    scale = Program(site.scale, (*ones, head.uid), ideal=True)

    def value(m: float, s: float, eps: float) -> float:
        return density({**ones, mean: m, head.uid: s, noise: eps})

    def entropy(s: float) -> float:
        std = abs(scale({**ones, head.uid: s}))
        return math.log(std) if std > 0.0 else math.nan

    (m, s), *others = _HEADS
    base = value(m, s, 0.0)
    factor = 2.0 * (value(m, s, 1.0) - base)
    if not abs(factor) > _LEAST or not close(value(m, s, -2.0) - base, 2.0 * factor):
        return False
    return all(
        close(value(mean_at, at, 1.0) - base, factor * (0.5 + entropy(at) - entropy(s))) for mean_at, at in others
    )
