"""The log density of a posterior at its own draw, as it stands in an estimate of the KL by that draw."""

from __future__ import annotations

import math
from collections.abc import Callable

from vae_checked.facts import NoiseLaw, Parametrisation
from vae_checked.linter.symbols.expression import Expr
from vae_checked.linter.symbols.numeric import close
from vae_checked.mathematics.gaussians import std_at
from vae_checked.record import dataclass

# Gauss-Hermite nodes and weights for N(0, 1).
QUADRATURE = ((-math.sqrt(3.0), 1 / 6), (0.0, 2 / 3), (math.sqrt(3.0), 1 / 6))
_HEADS = (0.45, 0.8, 1.3, 1.9)
_LEAST = 1e-3


@dataclass(frozen=True, slots=True)
class DensityOfDraw:
    """factor * (log q(z) - log p(z)) at z = mu + std * eps, with p = N(0, 1).

    `parametrisation` is that of q, where `drawn` is that of the draw; None where the square of q and its logarithm have
    different ones.
    """

    parametrisation: Parametrisation | None
    drawn: Parametrisation
    factor: float


def averaged(found: list[Expr]) -> tuple[int, ...]:
    """The one draw from N(0, 1) below a term, which is then an estimate by samples: log q(z|x) - log p(z)."""
    draws = [leaf for leaf in found if leaf.op == "noise"]
    return (draws[0].uid,) if len(draws) == 1 and draws[0].get("law") is NoiseLaw.STANDARD_NORMAL else ()


def read(value: Callable[[float, float, float], float]) -> DensityOfDraw | None:
    """The density in a term that is no KL in expectation, where it tries to be one; `value` is of mu, s and eps.

    The term is factor * (z^2 / 2 - spread * eps^2 / 2 - entropy): the spread is 1 and the entropy log std where q is
    what z was drawn from. Any other number in their places may be a weight on the density.
    """
    square = value(1.0, _HEADS[0], 0.0) - value(0.0, _HEADS[0], 0.0)
    factor = 2.0 * square
    if not math.isfinite(factor) or abs(factor) < _LEAST:
        return None
    stds, spreads, entropies = [], [], []
    for s in _HEADS:
        base = value(0.0, s, 0.0)
        if not _is_quadratic(value, s, base, square):
            return None
        up, down = value(1.0, s, 1.0) - base, value(1.0, s, -1.0) - base
        stds.append((up - down) / (2.0 * factor))
        spreads.append(stds[-1] ** 2 - 2.0 * (value(0.0, s, 1.0) - base) / factor)
        entropies.append(-base / factor)
    drawn = next((kind for kind in Parametrisation if all(map(close, stds, _stds(kind)))), None)
    if drawn is None or any(spread < _LEAST for spread in spreads):
        return None
    if all(close(1.0, spread) for spread in spreads):
        own = next((kind for kind in Parametrisation if kind is not drawn and _is_entropy(entropies, kind)), None)
        return None if own is None else DensityOfDraw(own, drawn, factor)
    divisors = [std / math.sqrt(spread) for std, spread in zip(stds, spreads, strict=True)]
    kind = next((kind for kind in Parametrisation if all(map(close, divisors, _stds(kind)))), None)
    if kind is None or kind is drawn:
        return None
    if _is_entropy(entropies, kind):
        return DensityOfDraw(kind, drawn, factor)
    return DensityOfDraw(None, drawn, factor) if _is_entropy(entropies, drawn) else None


def _stds(kind: Parametrisation) -> list[float]:
    return [std_at(kind, s) for s in _HEADS]


def _is_entropy(values: list[float], kind: Parametrisation) -> bool:
    """Whether values are the log std at the heads, up to a constant."""
    logs = [math.log(std) for std in _stds(kind)]
    return all(close(value - values[0], log - logs[0]) for value, log in zip(values[1:], logs[1:], strict=True))


def _is_quadratic(value: Callable[[float, float, float], float], s: float, base: float, square: float) -> bool:
    """Whether a term is quadratic in mu and eps, without a linear part, and in mu by the same square at every s."""
    mean, noise = value(1.0, s, 0.0) - base, value(0.0, s, 1.0) - base
    mixed = value(1.0, s, 1.0) - value(1.0, s, -1.0)
    return (
        close(mean, square)
        and close(value(-2.0, s, 0.0) - base, 4.0 * square)
        and close(value(0.0, s, -2.0) - base, 4.0 * noise)
        and close(value(2.0, s, -1.0) - base, 4.0 * square - mixed + noise)
    )
