"""Views of rows that were repeated: copies of the whole batch after one another, or of each sample."""

from __future__ import annotations

from collections.abc import Iterable

from vae_checked.layout_facts import Mixing
from vae_checked.linter.roles.reductions import rank_of
from vae_checked.linter.roles.view_sizes import VIEWS, is_called_batch_size, sizes_of, under
from vae_checked.linter.symbols.expression import Expr

_ROWS = 2
_REPEATING = frozenset(("repeat", "expand"))


def views(nodes: Iterable[Expr]) -> dict[int, Mixing]:
    """Per view that takes copies of the whole batch for copies of each sample, or these for those, what it mixes."""
    found: dict[int, Mixing] = {}
    for node in nodes:
        if node.op in VIEWS:
            mixed = _mixed(node)
            if mixed is not None:
                found[node.uid] = mixed
    return found


def _mixed(view: Expr) -> Mixing | None:
    repeated = under(view.args[0])
    if repeated.op not in _REPEATING or len(sizes_of(view)) <= _ROWS:
        return None
    times, by_sample, of_rows = _copies(repeated)
    outer, inner = sizes_of(view)[:_ROWS]
    if times is None or times == 1 or outer == inner:
        return None
    if by_sample and outer == times and (_are_sizes_of_one(outer, inner) or (of_rows and _is_batch(view, 1))):
        return Mixing.STEPS_AS_COPIES
    if not by_sample and inner == times and _is_batch(view, 0):
        return Mixing.COPIES_AS_STEPS
    return None


def _copies(repeated: Expr) -> tuple[object, bool, bool]:
    """How often rows (B, L) were repeated, None where that is not known, and whether sample by sample.

    And whether they are known to be rows: what two numbers repeat has two axes, or is a single sample without its own.
    """
    below, sizes = under(repeated.args[0]), sizes_of(repeated)
    if repeated.get("each"):
        return (sizes[0] if repeated.get("axis") == 0 and rank_of(below) == _ROWS else None), True, True
    rows = under(below.args[0]) if below.op == "unsqueeze" else below
    # The axis of the samples among those that are repeated: one more stands before it, or behind it.
    samples = 0 if len(sizes) == _ROWS or (below is not rows and sizes_of(below) == (1,)) else 1
    if repeated.op == "repeat":
        along = [place for place, size in enumerate(sizes) if size != 1]
        place = along[0] if len(along) == 1 else None
    else:
        place = 1 - samples
    by_sample, rank = place is not None and place > samples, rank_of(rows)
    may_be = rank == _ROWS or (rank is None and by_sample and len(sizes) == _ROWS and below is rows)
    if place not in (0, 1) or len(sizes) not in (_ROWS, _ROWS + 1) or not may_be:
        return None, False, False
    return sizes[place], by_sample, rank == _ROWS


def _are_sizes_of_one(outer: object, inner: object) -> bool:
    """Whether two sizes are those of the first and the second axis of tensors, as of one that has its steps first."""
    return isinstance(outer, tuple) and isinstance(inner, tuple) and (outer[2], inner[2]) == (0, 1)


def _is_batch(view: Expr, place: int) -> bool:
    size = sizes_of(view)[place]
    return size == -1 or (isinstance(size, tuple) and size[2] == 0) or is_called_batch_size(view, place)
