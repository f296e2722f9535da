"""Terms of a loss that are put beside each other, of which what follows may make different things."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from vae_checked.linter.symbols.expression import Expr
from vae_checked.mathematics.chain_signs import sign_of
from vae_checked.mathematics.reductions import ChainStep, Reduce, Tensor, Weight

# What hands on two terms side by side, and what is not read.
_SIDE_BY_SIDE, _UNREAD = frozenset(("stack", "cat")), frozenset(("opaque", "call"))


def are_unread(meeting: Expr, above: Sequence[ChainStep]) -> bool:
    """Whether the value in which two terms meet is not their sum: what is made of each is not known.

    A vector of weights, as `terms @ torch.tensor([1.0, -1.0])` has, may give each entry another sign and another size.
    """
    if meeting.op in _UNREAD:
        return True
    apart = itertools.takewhile(lambda step: not isinstance(step, Reduce), reversed(above))
    return meeting.op in _SIDE_BY_SIDE and any(map(_may_tell_apart, apart))


def _may_tell_apart(step: ChainStep) -> bool:
    return isinstance(step, Weight) or (isinstance(step, Tensor) and not step.whole) or sign_of((step,)) is None
