"""The reconstruction errors of one element and their slopes: once, for plain numbers and for tensors.

Both observers tell a likelihood by these: the linter by the value of an expression, the auditor by the gradient of the
loss that runs, which is all that a black box shows. p is the prediction and t the target.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from vae_checked.facts import Likelihood
from vae_checked.record import dataclass


class Floats:
    """The functions that an error needs, for plain numbers; `torch` has them for tensors."""

    exp = staticmethod(math.exp)
    log = staticmethod(math.log)

    @staticmethod
    def sign(x: float) -> float:
        """-1, 0 or 1."""
        return math.copysign(1.0, x) if x else 0.0

    @staticmethod
    def clamp(x: float, low: float, high: float) -> float:
        """x cut to [low, high]."""
        return min(max(x, low), high)


# Any: floats with `Floats`, or tensors with `torch`; no Protocol holds for both, whose functions take other arguments.
Formula = Callable[[Any, Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Error:
    """What a likelihood adds for one element, and its derivatives by prediction and by target.

    Each takes the prediction, the target, and where its functions come from. Those of a cross entropy are of one class.
    """

    kind: Likelihood
    value: Formula
    by_prediction: Formula
    by_target: Formula


def _sigmoid(x: Any, of: Any) -> Any:
    return 1.0 / (1.0 + of.exp(-x))


def _huber(d: Any, of: Any) -> Any:
    # Below a difference of 1 half its square, above it the difference less 1/2; of.clamp is the slope of both.
    inner = of.clamp(d, -1.0, 1.0)
    return inner * (d - 0.5 * inner)


ERRORS: tuple[Error, ...] = (
    Error(
        Likelihood.MSE, lambda p, t, _: (p - t) * (p - t), lambda p, t, _: 2.0 * (p - t), lambda p, t, _: 2.0 * (t - p)
    ),
    Error(
        Likelihood.L1,
        lambda p, t, _: abs(p - t),
        lambda p, t, of: of.sign(p - t),
        lambda p, t, of: of.sign(t - p),
    ),
    Error(
        Likelihood.SMOOTH_L1,
        lambda p, t, of: _huber(p - t, of),
        lambda p, t, of: of.clamp(p - t, -1.0, 1.0),
        lambda p, t, of: of.clamp(t - p, -1.0, 1.0),
    ),
    Error(
        Likelihood.BCE_WITH_LOGITS,
        lambda p, t, of: of.log(1.0 + of.exp(p)) - t * p,
        lambda p, t, of: _sigmoid(p, of) - t,
        lambda p, t, _: -p,
    ),
    Error(
        Likelihood.POISSON,
        lambda p, t, of: of.exp(p) - t * p,
        lambda p, t, of: of.exp(p) - t,
        lambda p, t, _: -p,
    ),
    Error(
        Likelihood.BCE,
        lambda p, t, of: -(t * of.log(p) + (1.0 - t) * of.log(1.0 - p)),
        lambda p, t, _: (p - t) / (p * (1.0 - p)),
        lambda p, t, of: of.log(1.0 - p) - of.log(p),
    ),
    Error(
        Likelihood.CROSS_ENTROPY,
        lambda p, t, of: -t * of.log(p),
        lambda p, t, _: -t / p,
        lambda p, t, of: -of.log(p),
    ),
)
# The Poisson error of a prediction that is the rate itself, and not its logarithm.
POISSON_OF_RATE = Error(
    Likelihood.POISSON,
    lambda p, t, of: p - t * of.log(p),
    lambda p, t, _: 1.0 - t / p,
    lambda p, t, of: -of.log(p),
)
_BY_KIND = {error.kind: error for error in ERRORS}


def error_of(kind: Likelihood) -> Error:
    """The error of a likelihood; KeyError for one that is not a function of prediction and target alone."""
    return _BY_KIND[kind]
