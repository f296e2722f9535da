"""The KL of two Gaussians with heads of their own, known by its values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from itertools import product

from vae_checked.facts import Parametrisation
from vae_checked.linter.roles import cross_entropies
from vae_checked.linter.roles.closed_forms import SHOWN
from vae_checked.linter.roles.drawn_densities import QUADRATURE
from vae_checked.linter.symbols.expression import Expr, is_square, strip
from vae_checked.linter.symbols.numeric import Formula, close, fit
from vae_checked.mathematics.gaussians import gaussian_kl, std_at
from vae_checked.record import dataclass

# How many formulas are kept, each in up to twelve orders.
_MOST_KEPT = 1024
# What makes heads, and a loss, which is none.
_MAKING = frozenset(("layer", "call", "opaque", "atom", "loss"))
# (distance, q, p) at which a formula is compared with one that mixes the two heads up.
_MIXED = ((0.0, 0.6, 1.3), (1.0, 1.1, 0.8), (-0.7, 1.9, 1.6), (2.0, 0.9, 2.2), (0.4, 2.3, 0.7))
# The same, enough for what a formula divides by to be seen.
_APART = (*_MIXED, (1.3, 0.7, 1.1), (-1.6, 1.4, 0.6), (0.9, 2.6, 1.9), (2.4, 1.7, 2.6))
# Powers of the prior's std, the one of the KL among them, and the weights of the logarithm beside the squares: those
# of an attempt, and those of one that divides by what it should.
_RIGHT = -2.0
_POWERS = (-1.0, 0.0, 1.0, 2.0, -4.0, _RIGHT)
_RATIOS = ((1.0, 2.0, 4.0), (1.0, 4.0))


@dataclass(frozen=True, slots=True)
class KLOfTwo:
    """A formula that is a KL of two Gaussians, or tries to be one: the fields are those of a `Divergence`.

    `added` marks one that the head for std of the prior is only added to.
    """

    parametrisation: Parametrisation | None
    factor: float
    values: tuple[tuple[float, float, float, float], ...]
    apart: bool
    added: bool


Order = tuple[int, ...]


def _valued(formula: Formula, order: Order, scalars: int, draws: int) -> Callable[..., float]:
    """The values of a formula by the distance of two means, by q and by p: `order` are the places of these heads."""
    ones = [1.0] * scalars

    def value(distance: float, q: float, p: float, shift: float = 0.0) -> float:
        at = [0.0] * len(order)
        for place, number in zip(order, (distance + shift, shift, q, p), strict=True):
            at[place] = number
        if not draws:
            return formula(*ones, *at)
        return sum(weight * formula(*ones, *at, eps) for eps, weight in QUADRATURE)

    return value


@lru_cache(maxsize=_MOST_KEPT)
def is_of_distance(formula: Formula, order: Order, scalars: int, draws: int) -> bool:
    """Whether a formula of so many numbers, four heads and draws takes the first two of the `order` by their square."""
    value = _valued(formula, order, scalars, draws)
    unit = value(1.0, 0.6, 1.3)
    return close(value(1.0, 0.6, 1.3, 0.7), unit) and close(value(-1.0, 0.6, 1.3), unit)


@lru_cache(maxsize=_MOST_KEPT)
def read(formula: Formula, order: Order, scalars: int, draws: int) -> KLOfTwo | None:
    """What a formula of so many numbers, four heads and draws is, read once for all that differ in their leaves alone.

    `order` are the places of the two means, of the head for std of q and of that of p.
    """
    value = _valued(formula, order, scalars, draws)
    form = _form(value)
    if form is None:
        return None
    kind, factor, read_as, apart = form
    # Beside N(0, 1) a wrong formula can look right: its values would show nothing.
    shown = () if kind is None else _beside_normal(value, factor, read_as)
    one, other, third = (value(0.3, 1.1, p) for p in (0.9, 1.4, 1.9))
    return KLOfTwo(kind, factor, shown, apart, added=close(other - one, third - other))


def _beside_normal(
    value: Callable[..., float], factor: float, read_as: Parametrisation
) -> tuple[tuple[float, float, float, float], ...]:
    """What is shown of a KL of two Gaussians: its values where the prior is N(0, 1)."""
    unit = 0.0 if read_as in (Parametrisation.LOGVAR, Parametrisation.LOG_STD) else 1.0
    shown = [(m, s, value(m, s, unit) / factor, gaussian_kl(m, std_at(read_as, s))) for m, s in SHOWN]
    return tuple(item for item in shown if math.isfinite(item[2]))


def is_apart(head: Expr, means: Iterable[Expr]) -> bool:
    """Whether what is added to a KL as the log std of its prior is another term of the loss: an error has that form.

    It is the square of the mean of the KL to N(0, I), or is only added, and no network makes it beside a mean.
    """
    return is_square(strip(head)) or not any(_maker(mean) == _maker(head) for mean in means)


def _maker(head: Expr) -> int:
    """What the layer is given that makes a head, by itself or beside other heads."""
    node = strip(head)
    while node.op not in _MAKING and node.args:
        node = strip(next((arg for arg in node.args if arg.op != "const"), node.args[0]))
    return node.args[0].uid if node.op == "layer" and node.args else node.uid


def _form(value: Callable[..., float]) -> tuple[Parametrisation | None, float, Parametrisation, bool] | None:
    """(parametrisation, factor, nearest one, whether a cross entropy) of value(distance, q, p); None for no KL."""
    heads = ((0.6, 1.3), (1.1, 0.8), (1.9, 1.6), (0.9, 2.2))
    factors: dict[Parametrisation, list[float]] = {item: [] for item in Parametrisation}
    rests: list[float] = []
    for q, p in heads:
        base, unit = value(0.0, q, p), value(1.0, q, p)
        square = unit - base
        if close(square, 0.0):
            return None
        even = close(value(-1.0, q, p), unit) and close(value(1.0, q, p, 0.7), unit)
        if not even or not close(value(2.0, q, p) - base, 4.0 * square):
            return None
        if not close(value(1.0, q + 0.4, p) - value(0.0, q + 0.4, p), square):
            return _mixed_up(value)
        rests.append(base)
        for parametrisation, found in factors.items():
            found.append(2.0 * square * std_at(parametrisation, p) ** 2)
    fitting = [item for item, found in factors.items() if all(close(found[0], other) for other in found)]
    if close(rests[0], value(0.0, heads[0][0] + 0.4, heads[0][1])):
        return None
    for parametrisation in fitting:
        factor = factors[parametrisation][0]
        offsets = []
        for (q, p), rest in zip(heads, rests, strict=True):
            std_q, std_p = std_at(parametrisation, q), std_at(parametrisation, p)
            offsets.append(rest / factor - gaussian_kl(0.0, std_q / std_p))
        if all(close(offsets[0], other) for other in offsets):
            return parametrisation, factor, parametrisation, False
        if (crossed := cross_entropies.fitted(value, parametrisation, factor)) is not None:
            return crossed, factor, crossed, True
    attempted = next((item for item in fitting if _is_attempted(value, item)), None)
    return _of_another_width(value) if attempted is None else (None, factors[attempted][0], attempted, False)


def _of_another_width(value: Callable[..., float]) -> tuple[None, float, Parametrisation, bool] | None:
    """A KL that divides by another power of the prior's std than its variance, or forgets it, known by its values.

    It is a log(std_p / std_q) + b (std_q^2 + d^2) std_p^n and a constant: with n = -2 and a = 2 b it is the KL. Of the
    other n nothing that is minimised has that form, and beside n = -2 the logarithm counts half or double.
    """
    values = [value(*at) for at in _APART]
    for read_as, power, rows in _widths():
        found = fit(rows, values)
        if found is None:
            continue
        of_prior, entropy, spread, square, _ = found
        ratio = of_prior / spread if spread else 0.0
        is_one = close(of_prior, -entropy) and close(spread, square)
        if is_one and any(close(ratio, each) for each in _RATIOS[power == _RIGHT]):
            return None, 2.0 * spread, read_as, False
    return None


@cache
def _widths() -> tuple[tuple[Parametrisation, float, list[tuple[float, ...]]], ...]:
    """How q is read, the power of the prior's std, and the terms of the formula at each point."""
    found: list[tuple[Parametrisation, float, list[tuple[float, ...]]]] = []
    for read_as, prior_as in product(Parametrisation, repeat=2):
        stds = [(distance, std_at(read_as, q), std_at(prior_as, p)) for distance, q, p in _APART]
        for power in _POWERS:
            rows: list[tuple[float, ...]] = [
                (math.log(p), math.log(q), q**2 * p**power, d**2 * p**power, 1.0) for d, q, p in stds
            ]
            found.append((read_as, power, rows))
    return tuple(found)


def _mixed_up(value: Callable[..., float]) -> tuple[None, float, Parametrisation, bool] | None:
    """A KL in which the std of the posterior stands where that of the prior is meant, known by its values.

    It is (r^a - 1) / 2 - b log r + d^2 / (2 s) with r = std_q / std_p and s the posterior's variance, or the product of
    both stds: nothing that is minimised has that form on purpose.
    """
    for read_as in Parametrisation:
        for of_q, power in product((1.0, 2.0), repeat=2):
            factors = []
            for distance, q, p in _MIXED:
                std_q, std_p = std_at(read_as, q), std_at(read_as, p)
                ratio, width = std_q / std_p, std_q**of_q * std_p ** (2.0 - of_q)
                closed = 0.5 * (ratio**power - 1.0) - 0.5 * power * math.log(ratio) + 0.5 * distance**2 / width
                factors.append(value(distance, q, p) / closed)
            if all(close(factors[0], other) for other in factors):
                return None, factors[0], read_as, False
    return None


def _is_attempted(value: Callable[..., float], parametrisation: Parametrisation) -> bool:
    """Whether a formula falls with the log std of q and grows with its variance, as every KL of Gaussians does.

    Or whether its terms have the sizes of a KL's beside one another, with a sign wrong or another power of the std.
    """
    prior = std_at(parametrisation, 1.3)
    factor = 2.0 * prior**2 * (value(1.0, 0.6, 1.3) - value(0.0, 0.6, 1.3))
    for power in (2.0, 1.0, 4.0):
        rows, values = [], []
        for q in (0.6, 1.1, 1.9, 0.8, 1.5):
            std = std_at(parametrisation, q)
            rows.append((1.0, math.log(std), std**power))
            values.append(value(0.0, q, 1.3))
        coefficients = fit(rows, values)
        if coefficients is not None:
            entropy, spread = coefficients[1:]
            sized = close(abs(entropy), abs(factor)) and close(abs(spread), abs(0.5 * factor / prior**power))
            return sized or (power == 2.0 and entropy < 0 < spread)
    return False
