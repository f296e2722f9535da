"""Views of a recurrent layer's last state, whose samples lie along its second axis: (layers * directions, B, H)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vae_checked.layout_facts import Mixing
from vae_checked.linter.roles.view_sizes import VIEWS, is_called_batch_size, sizes_of, under
from vae_checked.linter.symbols.expression import Expr, walk

# What gives a tensor one more axis, or repeats it along one.
_BESIDE = frozenset("unsqueeze expand repeat stack".split())
_RECURRENT = frozenset(("LSTM", "GRU", "RNN"))
_ROWS, _STATE = 2, 3


def views(nodes: Iterable[Expr]) -> dict[int, Mixing | None]:
    """Per view of a state to rows, or of rows to a state, what it mixes; None where it keeps samples apart.

    Views of which that is not known are left out. Where all layers and directions together are one, no view moves
    anything.
    """
    found: dict[int, Mixing | None] = {}
    for node in nodes:
        if node.op in VIEWS:
            layer = _layer_of(under(node.args[0]))
            if layer is not None and _is_to_rows(node, layer):
                _note(found, node, _depth(layer), Mixing.STATE_AS_ROWS)
        elif node.op == "layer" and node.get("kind") in _RECURRENT:
            for state in map(under, _handed(node)):
                if state.op in VIEWS and _is_from_rows(state):
                    _note(found, state, _depth(node) or _first(state), Mixing.ROWS_AS_STATE)
    return found


def _note(found: dict[int, Mixing | None], view: Expr, depth: int | None, mixing: Mixing) -> None:
    if depth is not None:
        found[view.uid] = mixing if depth > 1 else None


def _handed(layer: Expr) -> Iterator[Expr]:
    """The states that a recurrent layer starts from."""
    for state in layer.args[1:2]:
        yield from state.args if state.op == "opaque" and state.get("name") == "sequence" else (state,)


def _first(view: Expr) -> int | None:
    first = next(iter(sizes_of(view)), None)
    return first if isinstance(first, int) and first > 0 else None


def _is_to_rows(view: Expr, layer: Expr) -> bool:
    """Whether a view of a state has as many rows as there are samples."""
    sizes = sizes_of(view)
    if len(sizes) != _ROWS:
        return False
    first, width = sizes
    if first == -1:
        return isinstance(width, int) and width == _width(layer)
    state = view.args[0]
    own = {Expr("size", (each,), (("axis", 0),)).uid for each in (state, under(state))}
    of_tensor = isinstance(first, tuple) and first[2] in (0, 1) and first[1] not in own
    return of_tensor or is_called_batch_size(view, 0)


def _is_from_rows(view: Expr) -> bool:
    """Whether what is viewed as a state has a row for each sample, as a linear layer makes it of the latents."""
    rows = under(view.args[0])
    if len(sizes_of(view)) != _STATE or rows.get("kind") != "Linear":
        return False
    return not any(node.op in _BESIDE for node in walk(rows))


def _layer_of(state: Expr) -> Expr | None:
    """The recurrent layer whose last state a value is, one of the two that an LSTM has; None for any other value."""
    picked: list[object] = []
    node = state
    while node.op == "item" and node.args:
        picked.insert(0, node.get("index"))
        node = node.args[0]
    kind = node.get("kind") if node.op == "layer" else None
    if kind not in _RECURRENT or picked[:1] != [1]:
        return None
    return node if len(picked) == (2 if kind == "LSTM" else 1) else None


def _depth(layer: Expr) -> int | None:
    """The number of layers times that of directions."""
    layers, directions = layer.get("layers"), layer.get("directions")
    return layers * directions if isinstance(layers, int) and isinstance(directions, int) else None


def _width(layer: Expr) -> int | None:
    depth, width = _depth(layer), layer.get("width")
    return depth * width if depth is not None and isinstance(width, int) else None
