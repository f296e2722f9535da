"""The effective beta: the weight of a sample's summed KL against its summed error, as an expression in the sizes.

A loss is c * (recon + beta * KL) for the sums over a sample and the mean over the batch; what each term is averaged
over, divided by and weighed with makes beta. The batch size stays a symbol: it is no property of a model.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from vae_checked.facts import EffectiveBeta, Quantity, Reduced, Reduction
from vae_checked.mathematics.reductions import (
    ChainStep,
    Number,
    Size,
    Tensor,
    Through,
    Weight,
    is_chosen,
    is_weight,
)
from vae_checked.record import dataclass

BATCH, LATENTS, ELEMENTS = "B", "L", "C*H*W"
# A usual batch size, at which an expression in it is evaluated for comparison.
USUAL_BATCH = 128


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a loss: how it is reduced, what scales it, and its size for one sample."""

    reduced: Reduced
    size: Quantity
    constant: float = 1.0
    weights: tuple[Quantity, ...] = ()


def elements(count: float | None, *, flat: bool = False) -> Quantity:
    """The number of elements of a sample; `flat` where it has one axis."""
    return Quantity("D" if flat else ELEMENTS, 1, count, "elements of a sample")


def targets() -> Quantity:
    """The number of classes that are predicted for a sample: its words, its pixels. Logits do not tell it."""
    return Quantity("T", 1, None, "targets of a sample")


def latents(count: float | None) -> Quantity:
    """The number of latents."""
    return Quantity(LATENTS, 1, count, "latents")


def batch_power(kl: Reduced, recon: Reduced) -> int | None:
    """The power of the batch size in the weight of the KL against the reconstruction; None where it is not known."""
    if kl.batch is Reduction.KEPT and recon.batch is Reduction.KEPT:
        return recon.over_batch - kl.over_batch
    if kl.batch_divisions is None or recon.batch_divisions is None:
        return None
    return recon.batch_divisions - kl.batch_divisions


def scaling_of(chain: Iterable[ChainStep]) -> tuple[float, tuple[Quantity, ...]] | None:
    """(the constants without a name, what has one) of the factors in a chain; None where one is no number."""
    constant, named = 1.0, []
    for step in chain:
        if isinstance(step, (Tensor, Through)) or (isinstance(step, Size) and step.axis is None):
            return None
        if isinstance(step, Number) and not step.named:
            constant *= abs(step.value)
        elif isinstance(step, Number):
            # A weight that has a name and begins at 0 is raised later.
            value = abs(1.0 / step.value if step.divides and step.value else step.value) or None
            named.append(Quantity(step.text or f"{step.value:g}", -1 if step.divides else 1, value))
        elif isinstance(step, Weight) or (isinstance(step, Size) and step.axis != 0):
            named.append(Quantity(step.text, -1 if step.divides else 1))
    return constant, tuple(named)


def weight_of(chain: Iterable[ChainStep]) -> tuple[float, bool]:
    """(the constant that has no name, whether the author weighs by more than that) of a chain."""
    value, chosen = 1.0, False
    for step in chain:
        if isinstance(step, Number):
            if not step.named:
                value *= abs(step.value)
                chosen = chosen or is_chosen(step.value)
        elif isinstance(step, Through) or is_weight(step):
            chosen = True
    return value, chosen


def effective_beta(kl: Term, recon: Term) -> EffectiveBeta | None:
    """The weight of the summed KL against the summed error; None where the reductions do not tell it."""
    power = batch_power(kl.reduced, recon.reduced)
    if power is None or not recon.constant:
        return None
    factors = [*kl.weights, *map(inverse, recon.weights)]
    for term, kind in ((kl, -1), (recon, 1)):
        if term.reduced.event is Reduction.MEAN:
            factors.append(term.size if kind > 0 else inverse(term.size))
        elif term.reduced.event is not Reduction.SUM:
            return None
    if power:
        factors.append(Quantity(BATCH, power, None, "batch size"))
    # Six digits: a factor that was fitted to values is known no better.
    return EffectiveBeta(float(f"{abs(kl.constant / recon.constant):.6g}"), tuple(factors))


def inverse(quantity: Quantity) -> Quantity:
    """One over a quantity."""
    return Quantity(quantity.symbol, -quantity.power, quantity.value, quantity.name)


def rendered(beta: EffectiveBeta, batch: int | None = None) -> str:
    """The expression, then in brackets the sizes that make it, and its value at one batch size where it has that in it.

    `batch` is the batch size of a run that was seen, a usual one otherwise.

    >>> rendered(EffectiveBeta(1.0, (elements(4608.0), Quantity("B", 1, None, "batch size"))))
    '4608 * B (elements of a sample 4608, B the batch size; at batch 128: 589824)'
    """
    unknown = [factor for factor in beta.factors if factor.value is None]
    known = [factor for factor in beta.factors if factor.value is not None]
    number = beta.constant * math.prod(factor.amount for factor in known)
    head = _product(number, unknown)
    details = [f"{factor.name or factor.symbol} {_number(factor.value or 0.0)}" for factor in known]
    details += [f"{factor.symbol} the {factor.name}" for factor in unknown if factor.name]
    inside = ", ".join(dict.fromkeys(details))
    if unknown and all(factor.symbol == BATCH for factor in unknown):
        size = USUAL_BATCH if batch is None else batch
        value = number * math.prod(float(size) ** factor.power for factor in unknown)
        inside = f"{inside}; at batch {size}: {_number(value)}"
    return f"{head} ({inside})" if inside else head


def _product(number: float, unknown: list[Quantity]) -> str:
    above = [_power(factor) for factor in unknown if factor.power > 0]
    below = [_power(factor) for factor in unknown if factor.power < 0]
    if number != 1.0 or not above:
        above.insert(0, _number(number))
    divisor = f"({' * '.join(below)})" if len(below) > 1 else "".join(below)
    return " * ".join(above) + (f" / {divisor}" if divisor else "")


def _power(factor: Quantity) -> str:
    compound = " " in factor.symbol or ("*" in factor.symbol and factor.power != 1)
    symbol = f"({factor.symbol})" if compound else factor.symbol
    return symbol if abs(factor.power) == 1 else f"{symbol}^{abs(factor.power)}"


def _number(value: float) -> str:
    """A count to the last digit, anything else to four."""
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e7 else f"{value:.4g}"
