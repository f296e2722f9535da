"""What the judges of the likelihood band say of intervals: each is about one of these at most."""

from __future__ import annotations

import math
from itertools import pairwise

from vae_checked.facts import SYMMETRIC_UNIT, UNIT, Interval, Likelihood
from vae_checked.layout_facts import Entering
from vae_checked.mathematics.ops import names_of

# It bounds what it is given as well, all classes together.
SOFTMAX = "softmax"
# What these give out is the tanh of something, times a share.
RECURRENT = frozenset({"LSTM", "GRU", "RNN"})
SQUASHING = names_of(lambda operation: operation.squashing) | {SOFTMAX} | RECURRENT
_LEAKY = frozenset({"leaky_relu", "rrelu"})
# How wide pixels lie that are no bytes: in [-0.5, 0.5], [0, 1], [-1, 1], or in units of their own deviation.
_PIXELS = (0.5, 5.0)
_HALF = 0.5
_A_QUARTER = 0.25  # an ELU, which goes down to -1, leaves [0.27, 1]
ONE_SIDED = names_of(lambda operation: operation.closes and not operation.squashing and operation.is_not_negative)


def sigmoid(interval: Interval) -> Interval:
    """What a sigmoid makes of `interval`."""
    low, high = map(_sigmoid_of, (interval.low, interval.high))
    return Interval(
        low, high, interval.low_open or math.isinf(interval.low), interval.high_open or math.isinf(interval.high)
    )


def _sigmoid_of(x: float) -> float:
    # exp takes no large number, and gives 0 for -inf.
    return math.exp(x) / (1.0 + math.exp(x)) if x < 0.0 else 1.0 / (1.0 + math.exp(-x))


def reachable(kind: Likelihood, output: Interval) -> Interval:
    """The values in data space that the prediction can stand for: a logits loss applies the sigmoid itself."""
    return sigmoid(output) if kind is Likelihood.BCE_WITH_LOGITS else output


def scale_ratio(data: Interval, wanted: Interval) -> float | None:
    """How many times larger the data are than `wanted`; None unless both are bounded and neither is only 0."""
    sizes = [max(abs(interval.low), abs(interval.high)) for interval in (data, wanted)]
    return sizes[0] / sizes[1] if all(0 < size < math.inf for size in sizes) else None


def pixel_scale(data: Interval, kind: Likelihood | None, output: Interval) -> float | None:
    """The ratio of the scales of data and output where it is about 255 or its inverse, else None.

    An unbounded output is measured by the target that the loss needs.
    """
    wanted = output if output.bounded else kind.target if kind is not None else output
    ratio = scale_ratio(data, wanted)
    return ratio if ratio is not None and (128 <= ratio <= 512 or 128 <= 1 / ratio <= 512) else None


def entering_scale(data: Interval, entering: Entering) -> float | None:
    """The scale of what enters the encoder where it is about 255 or its inverse by mistake, else None.

    Pixels are numbers around 1, or bytes. Divided on the way into the encoder they shall not be the least of what a
    pixel can be; as they were handed over they shall not be bytes, unless a layer takes the scale out. What a model
    multiplies itself is meant.
    """
    width = data.width * entering.scale
    if _PIXELS[0] / 512 <= width <= _PIXELS[1] / 128 and entering.scale <= 1 / 40:
        return entering.scale
    bytes_given = entering.as_given and not entering.normalised and 128 <= entering.scale <= 512
    return entering.scale if bytes_given and _PIXELS[0] <= data.width <= _PIXELS[1] else None


def squashed_twice(activations: tuple[str, ...]) -> tuple[str, str] | None:
    """The first two bounded activations that follow on each other."""
    return next(
        ((first, then) for first, then in pairwise(activations) if {first, then} <= SQUASHING),
        None,
    )


def before_the_loss(kind: Likelihood | None, activations: tuple[str, ...], output: Interval | None) -> str | None:
    """The activation that leaves the sigmoid of a logits loss a part of [0, 1] alone: from a quarter on, or less.

    A probability is another mistake's, and what is scaled up behind its activation reaches far enough.
    """
    if kind is not Likelihood.BCE_WITH_LOGITS or not activations or output is None or UNIT.contains(output):
        return None
    return activations[-1] if sigmoid(output).low >= _A_QUARTER else None


def half_ranged(activations: tuple[str, ...], output: Interval | None) -> str | None:
    """The activation that a sigmoid follows on, and that leaves it about [0.5, 1]: never negative, or hardly so."""
    for first, then in pairwise(activations):
        if then != "sigmoid" or first in SQUASHING:
            continue
        if first in ONE_SIDED or (output is not None and output.low >= _A_QUARTER):
            return first
    return None


def of_one_half(kind: Likelihood | None, activations: tuple[str, ...], output: Interval) -> Interval | None:
    """What a last sigmoid, or that of the loss, gives, where it is on one side of 0.5: of a square, an exponential."""
    is_last = bool(activations) and activations[-1] in ("sigmoid", "hardsigmoid")
    if not is_last and kind is not Likelihood.BCE_WITH_LOGITS:
        return None
    given = output if is_last else sigmoid(output)
    return given if given.low >= _HALF or given.high <= _HALF else None


def leaks(activations: tuple[str, ...]) -> str | None:
    """The activation before a sigmoid that is a ReLU but for a small slope."""
    return next((first for first, then in pairwise(activations) if first in _LEAKY and then == "sigmoid"), None)


def other_end(activations: tuple[str, ...], wanted: str) -> str:
    """How a decoder that passes some activations last comes to end in `wanted`, as `fitting_activation` names it."""
    *before, last = activations or ("",)
    if last in RECURRENT:
        return f"put {_LINEAR}{'' if wanted == _LINEAR else f' and {wanted}'} behind the {last}"
    if before and wanted == f"a {last}":
        return f"drop the {' and the '.join(before)} before the {last}"
    if not last or (not before and last in SQUASHING and wanted != _LINEAR):
        return f"end the decoder in {wanted}"
    joint = ", without the" if wanted == _LINEAR else " in the place of the"
    return f"end the decoder in {wanted}{joint} {' and the '.join(activations)}"


_LINEAR = "a linear layer"


def fitting_activation(data: Interval) -> str:
    """How a decoder ends whose range is that of `data`."""
    for interval, activation in ((UNIT, "a sigmoid"), (SYMMETRIC_UNIT, "a tanh")):
        if interval.contains(data, tolerance=0.01):
            return activation
    return _LINEAR
