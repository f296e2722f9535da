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
    times, by_sample = _copies(repeated)
    outer, inner = sizes_of(view)[:_ROWS]
    if times is None or times == 1 or outer == inner:
        return None
    if by_sample and outer == times and _is_batch(view, 1):
        return Mixing.STEPS_AS_COPIES
    if not by_sample and inner == times and _is_batch(view, 0):
        return Mixing.COPIES_AS_STEPS
    return None


def _copies(repeated: Expr) -> tuple[object, bool]:
    """How often rows (B, L) were repeated, None where that is not known, and whether sample by sample."""
    below, sizes = under(repeated.args[0]), sizes_of(repeated)
    if repeated.get("each"):
        return (sizes[0] if repeated.get("axis") == 0 and rank_of(below) == _ROWS else None), True
    rows = under(below.args[0]) if below.op == "unsqueeze" else below
    # The axis of the samples among those that are repeated: one more stands before it, or behind it.
    samples = 0 if len(sizes) == _ROWS or (below is not rows and sizes_of(below) == (1,)) else 1
    if repeated.op == "repeat":
        along = [place for place, size in enumerate(sizes) if size != 1]
        place = along[0] if len(along) == 1 else None
    else:
        place = 1 - samples
    if place not in (0, 1) or len(sizes) not in (_ROWS, _ROWS + 1) or rank_of(rows) != _ROWS:
        return None, False
    return sizes[place], place > samples


def _is_batch(view: Expr, place: int) -> bool:
    size = sizes_of(view)[place]
    return size == -1 or (isinstance(size, tuple) and size[2] == 0) or is_called_batch_size(view, place)
