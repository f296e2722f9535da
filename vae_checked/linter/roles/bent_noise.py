"""What a function makes of one draw, as a clamp or a sigmoid does: a draw of another law."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from vae_checked.facts import Noise, NoiseLaw
from vae_checked.linter.symbols.expression import Expr
from vae_checked.linter.symbols.numeric import Program
from vae_checked.mathematics.ops.special import erfinv

_POINTS = 400
# The ends of a law weigh little: what cuts off no more keeps draws finite, and what cuts off the tails is a choice.
_ENDS, _TAILS = _POINTS // 50, _POINTS // 20
_CLOSE = 0.02
_NEARLY = 0.02
_UNIFORM_WIDTH = 12**0.5
_QUANTILES: tuple[Callable[[float], float], ...] = (
    lambda part: math.log(part) - math.log1p(-part),
    lambda part: -math.log(-math.log(part)),
    # Exponential and Laplace.
    lambda part: -math.log1p(-part),
    lambda part: math.copysign(math.log(min(2.0 * part, 2.0 - 2.0 * part)), 2.0 * part - 1.0),
)


def law_of(eps: Expr, noise: Expr) -> Noise | None:
    """The law of what is computed from one draw alone; None where it has no values, or is N(0, 1) but for its tails.

    None as well where a uniform draw is put through the quantiles of another law: whoever does that draws from it.
    """
    law, mean, std = (noise.get(name) for name in ("law", "mean", "std"))
    if not isinstance(mean, float) or not isinstance(std, float):
        return None
    parts = [(index + 0.5) / _POINTS for index in range(_POINTS)]
    if law in (NoiseLaw.STANDARD_NORMAL, NoiseLaw.NORMAL):
        drawn = [mean + std * _normal_quantile(part) for part in parts]
    elif law is NoiseLaw.UNIFORM:
        drawn = [mean + std * _UNIFORM_WIDTH * (part - 0.5) for part in parts]
    else:
        return None
    program = Program(eps, (noise.uid,))
    values = sorted(program({noise.uid: value}) for value in drawn)
    if not all(map(math.isfinite, values)):
        return None
    mean = math.fsum(values) / _POINTS
    std = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / _POINTS)
    if _is_normal(values, mean, std, _ENDS):
        nearly = abs(mean) <= _NEARLY and abs(std - 1.0) <= _NEARLY
        return Noise(NoiseLaw.STANDARD_NORMAL, 0.0, 1.0) if nearly else Noise(NoiseLaw.NORMAL, mean, std)
    if law is NoiseLaw.UNIFORM and _is_drawn_by_quantiles(values):
        return None
    return None if _is_normal(values, 0.0, 1.0, _TAILS) else Noise(NoiseLaw.OTHER, mean, std)


def _is_drawn_by_quantiles(values: list[float]) -> bool:
    """Whether sorted values are those of a logistic or a Gumbel law, moved and scaled, but for both ends."""
    parts = [(index + 0.5) / _POINTS for index in range(_POINTS)]
    inner = slice(_ENDS, -_ENDS)
    mirrored = [-value for value in reversed(values)]
    return any(
        _are_alike(each[inner], [quantile(part) for part in parts][inner])
        for quantile in _QUANTILES
        for each in (values, mirrored)
    )


def _are_alike(values: Sequence[float], others: Sequence[float]) -> bool:
    """Whether some values are others but for where they lie and how far they reach."""
    middle = len(values) // 2
    if values[-1] == values[0]:
        return False
    ratio = (others[-1] - others[0]) / (values[-1] - values[0])
    pairs = zip(values, others, strict=True)
    reach = others[-1] - others[0]
    return all(
        abs((value - values[middle]) * ratio - (other - others[middle])) <= _CLOSE * reach for value, other in pairs
    )


def _is_normal(values: list[float], mean: float, std: float, ends: int) -> bool:
    """Whether sorted values lie where those of N(mean, std^2) do, but for as many at both ends."""
    parts = [(index + 0.5) / _POINTS for index in range(_POINTS)]
    pairs = [*zip(values, map(_normal_quantile, parts), strict=True)][ends:-ends]
    return all(abs(value - mean - std * normal) <= _CLOSE * std for value, normal in pairs)


def _normal_quantile(part: float) -> float:
    """The value below which a part of the draws of N(0, 1) lies."""
    return math.sqrt(2.0) * erfinv(2.0 * part - 1.0)
