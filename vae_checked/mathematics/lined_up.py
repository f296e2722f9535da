"""Whether what is left of a value after a sum stands where it does when both are taken together, element by element.

`e.sum(1, keepdim=True)` and `e.sum(1).unsqueeze(1)` stand at the rows of `e`; `e.sum(1)` stands at its columns.
"""

from __future__ import annotations

from collections.abc import Hashable

from vae_checked.mathematics.graph import Node
from vae_checked.mathematics.ops import OPERATIONS, Kind
from vae_checked.record import dataclass, replace

_REPEATS = frozenset(("expand", "repeat"))
_VIEWS = frozenset(("view", "reshape"))
# The axis of the features of a row, from the front and from the back.
_LAST_OF_TWO = frozenset((1, -1))


@dataclass(frozen=True, slots=True)
class Layout:
    """How the axes of a value lie to those of what it is taken together with.

    `shaped` is what gave it other axes since, the latest first. Where it is `free` each element counts for all, or the
    axes were written out; where it is `lost` they stand elsewhere, or that is not known.
    """

    shaped: tuple[Node, ...] = ()
    free: bool = False
    lost: bool = False

    def under(self, node: Node) -> Layout:
        """The layout of what a node was made of."""
        if self.free or self.lost:
            return self
        kind = OPERATIONS[node.op].kind
        if kind is Kind.RESHAPE:
            return replace(self, shaped=(*self.shaped, node))
        return self._reduced(node) if kind is Kind.REDUCTION else self

    @property
    def is_kept(self) -> bool:
        """Whether each element stands at its own place."""
        return self.free or not (self.lost or any(step.op not in _REPEATS for step in self.shaped))

    def _reduced(self, node: Node) -> Layout:
        given = node.get("axes")
        if given in (None, "all"):
            return Layout(free=True)
        axes = tuple(axis for axis in given if isinstance(axis, int)) if isinstance(given, tuple) else ()
        # The first axes may go: those behind them are counted from the last one.
        stands = node.get("keepdim") is True or (bool(axes) and axes == tuple(range(len(axes))))
        is_written_out = False
        for step in reversed(self.shaped):
            if step.op in _VIEWS:
                stands = is_written_out = bool(axes) and _have_length_one(axes, step.get("sizes"))
            elif step.op not in _REPEATS or step.get("each"):
                stands = step.op == "unsqueeze" and _are_put_back(() if stands else axes, step.get("sizes"))
        return Layout(free=is_written_out) if stands else Layout(lost=True)


def _have_length_one(axes: tuple[int, ...], sizes: Hashable) -> bool:
    return isinstance(sizes, tuple) and all(-len(sizes) <= axis < len(sizes) and sizes[axis] == 1 for axis in axes)


def _are_put_back(axes: tuple[int, ...], sizes: Hashable) -> bool:
    """Whether axes of length 1 are made at those that went; where none did, in front of all."""
    if not isinstance(sizes, tuple):
        return False
    return set(sizes) == set(axes or (0,)) or (bool(axes) and {*sizes, *axes} == _LAST_OF_TWO)
