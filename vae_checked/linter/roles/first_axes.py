"""Which of the first two axes of a tensor was the first where a loader handed it over: that of the samples."""

from __future__ import annotations

from vae_checked.linter.symbols.expression import Expr, strip
from vae_checked.linter.symbols.rows import is_of_two_axes, is_turned
from vae_checked.mathematics.names import is_batch_size

_UNREAD = frozenset(("opaque", "call", "attribute"))


def as_handed_over(value: Expr, axis: int) -> int | None:
    """What one of the first two axes of a tensor was before it was turned; None where samples may lie along either.

    They may where code of its own puts a batch together, as one of sequences that has the steps first, and where the
    second axis is asked for of what was not read. Of an argument the first axis is that of the samples.
    """
    node, swapped = strip(value), False
    while is_turned(node):
        if not _swaps(node):
            return None
        node, swapped = strip(node.args[0]), not swapped
    was = 1 - axis if swapped else axis
    if was == 0 and not swapped:
        return 0
    return None if _may_have_steps_first(node) else was


def is_of_batch(name: str) -> bool:
    """Whether a second size goes by the name of the batch size; N may be a number of points beside B, the first one."""
    return is_batch_size(name) and (len(name) > 1 or name.lower() == "b")


def _swaps(turn: Expr) -> bool:
    """Whether a turn lets the first two axes change places, and no other."""
    axes = turn.get("axes")
    if is_of_two_axes(turn) or not isinstance(axes, tuple):
        return is_of_two_axes(turn)
    return axes[:2] == (1, 0) if turn.get("how") == "permute" else sorted(axes) == [0, 1]


def is_put_together(value: Expr) -> bool:
    """Whether a tensor is a batch that code of its own put together, which may have the steps first."""
    node = _whole(value)
    return node.op in ("batch", "data") and node.get("batched") is not True


def _may_have_steps_first(value: Expr) -> bool:
    """Whether a tensor is put together so, or part of what was not read."""
    return is_put_together(value) or _whole(value).op in _UNREAD


def _whole(value: Expr) -> Expr:
    """What a tensor is taken from, as one of several that a loader hands over."""
    node = strip(value)
    while node.op in ("item", "index", "part") and node.args:
        node = strip(node.args[0])
    return node
