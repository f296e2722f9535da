"""The sign that a chain of steps gives a term, as `reductions` has them."""

from __future__ import annotations

from collections.abc import Iterable

from vae_checked.mathematics.reductions import (
    ChainStep,
    Negate,
    Number,
    Stack,
    Tensor,
    Through,
    Weight,
)

# What a larger argument makes larger, or leaves, so that a sign survives it.
_MONOTONE = frozenset(
    "clamp nan_to_num maximum minimum relu softplus sqrt exp log log1p abs square masked where cat stack".split()
)
# What hands on some of the elements, and what puts tensors together.
_PICKING, _JOINING = frozenset(("index", "item", "part")), frozenset(("cat", "stack"))


def sign_of(chain: Iterable[ChainStep]) -> int | None:
    """The sign with which a term stands below a chain, None when it depends on more than constants.

    Some elements of a term have the sign of all; some of what was put together may be those of another term.
    """
    sign, bent, picked = 1, False, False
    for step in chain:
        if picked and (isinstance(step, Stack) or (isinstance(step, Through) and step.op in _JOINING)):
            return None
        if isinstance(step, Tensor):
            if not step.positive:
                return None
        elif isinstance(step, Through):
            if step.op not in _MONOTONE | _PICKING:
                return None
            picked = picked or step.op in _PICKING
            bent = bent or step.op in _MONOTONE
        elif isinstance(step, Number) and step.value == 0:
            return None
        elif _flips(step):
            if bent:
                return None
            sign = -sign
    return sign


def _flips(step: ChainStep) -> bool:
    if isinstance(step, Number):
        return step.value < 0
    return isinstance(step, Negate) or (isinstance(step, Weight) and step.negative)
