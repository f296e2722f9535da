"""A KL that is held around a number, as `|KL - C|` is: the loss falls as it rises, up to there, and rises beyond."""

from __future__ import annotations

from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.objective import JointLoss, Losses
from vae_checked.linter.roles.reductions import scaled_at
from vae_checked.linter.symbols.expression import Expr, strip

_EVEN = ("abs", "square")


def held_around(kl: Divergence, reading: JointLoss, losses: Losses) -> Expr | None:
    """The absolute value, or the square, of a difference that a KL stands in; None where there is none."""
    leading = losses.graph.towards(reading.total, kl.term.uid)
    return next((node for node in leading if node.op in _EVEN and _is_of_a_difference(node.args[0])), None)


def _is_of_a_difference(value: Expr) -> bool:
    node = strip(value)
    while (index := scaled_at(node)) is not None:
        node = strip(node.args[index])
    if node.op == "add":
        return any(arg.op == "neg" or (arg.op == "const" and _is_negative(arg)) for arg in map(strip, node.args))
    return node.op == "sub"


def _is_negative(number: Expr) -> bool:
    return isinstance(number.value, (int, float)) and number.value < 0
