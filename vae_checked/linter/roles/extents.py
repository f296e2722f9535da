"""How many latents a head has, and how many elements a sample of what is compared, from the layers that make them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vae_checked.linter.roles.reductions import rank_of
from vae_checked.linter.symbols.expression import ELEMENTWISE, Expr, strip, walk

if TYPE_CHECKING:
    from vae_checked.linter.roles.reconstructions import Reconstruction

# What makes an axis of steps: copies of one row, rows put together, and layers that go through such an axis.
_OF_STEPS = ("unsqueeze", "repeat", "expand", "stack")
_LAYERS_OF_STEPS = ("LSTM", "GRU", "RNN", "Transformer", "Multihead", "Embedding")
_WITHOUT_STEPS = frozenset(("flatten", "view", "reshape", "index", "sum", "mean", "size"))
# What goes through steps and hands on what it makes of each.
_OVER_STEPS = ("LSTM", "GRU", "RNN", "Transformer", "Multihead")
_KEEPING = ELEMENTWISE | frozenset(("cat", "part", "phi"))
_MAX_NODES = 400
_AXES_OF_PICTURES = 4
# Written sizes may be those of pictures.
_OF_PICTURES = frozenset(("view", "reshape"))
_ELLIPSIS = ("value", str(type(Ellipsis)))


def latents(head: Expr) -> int | None:
    """The number of latents, from the linear layer that makes the head, or several heads as its parts or slices."""
    node, cuts = strip(head), []
    while node.op != "layer" and len(node.args) == 1:
        if node.op in ("part", "index"):
            cuts.append(node)
        node = strip(node.args[0])
    width = None if _has_steps(node) else _outputs(node)
    for cut in reversed(cuts):
        width = _width_of_part(cut, width) if cut.op == "part" else _width_of_slice(cut, width)
    return width


def _width_of_part(part: Expr, whole: int | None) -> int | None:
    width, parts = part.get("width"), part.get("of")
    if isinstance(width, (int, float)):
        return int(width)
    return whole // parts if whole is not None and isinstance(parts, int) and whole % parts == 0 else None


def _width_of_slice(index: Expr, whole: int | None) -> int | None:
    """How many entries of the last axis `h[:, a:b]` and `h[..., a:b]` keep; None where the ends are not known."""
    key = index.get("key")
    if whole is None or not isinstance(key, tuple) or not all(isinstance(part, tuple) for part in key):
        return None
    rank, last = rank_of(index.args[0]), key[-1]
    if len(key) == 1 or (rank is not None and len(key) < rank and key[0] != _ELLIPSIS):
        # Rows or steps are picked.
        return whole
    if last[0] != "slice" or any(end[0] != "value" for end in last[1:]):
        return None
    ends = [end[1] for end in last[1:]]
    if not all(end is None or isinstance(end, (int, float)) for end in ends) or ends[2] == 0:
        return None
    start, stop, step = (None if end is None else int(end) for end in ends)
    return len(range(whole)[start:stop:step])


def elements(recon: Reconstruction) -> int | None:
    """The number of elements of a sample, from a written view or the last linear layer of the prediction."""
    for side in (recon.first, recon.second):
        node = side
        while node.op not in ("layer", *_OF_STEPS) and node.args:
            sizes = node.get("sizes") if node.op in ("view", "reshape") else None
            if isinstance(sizes, tuple) and len(sizes) > 1 and all(isinstance(size, int) for size in sizes[1:]):
                known = [size for size in sizes[1:] if isinstance(size, int)]
                if min(known) > 0:
                    return math.prod(known)
            node = node.args[0]
        found = _outputs(node)
        if found is not None and not _has_steps(node):
            return found
    return None


def _has_steps(layer: Expr) -> bool:
    """Whether a linear layer may be applied to each step of a sample, of which there are as many as there are."""
    seen: set[int] = set()
    stack = [*layer.args]
    while stack and len(seen) < _MAX_NODES:
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        kind = str(node.get("kind"))
        if node.op in _OF_STEPS or (node.op == "layer" and kind.startswith(_LAYERS_OF_STEPS)):
            return True
        # What is flattened, averaged, picked or the last state of all steps has none.
        is_state = node.op == "item" and node.get("index") != 0
        if not (is_state or node.op in _WITHOUT_STEPS or kind.startswith("Conv")):
            stack.extend(node.args)
    return False


def are_of_steps(*heads: Expr) -> bool:
    """Whether heads are made for each step of a sequence: by what keeps all axes, of all that a layer makes of one."""
    stack, seen = [*heads], set[int]()
    while stack and len(seen) < _MAX_NODES:
        node = strip(stack.pop())
        kind = str(node.get("kind")) if node.op == "layer" else ""
        if node.uid in seen:
            continue
        seen.add(node.uid)
        if kind.startswith(_OVER_STEPS) and not kind.endswith("Cell"):
            return True
        of_all = node.op == "item" and node.get("index") == 0 and node.args[0].op == "layer"
        if of_all or node.op in _KEEPING or kind == "Linear" or kind.startswith(("LayerNorm", "Dropout")):
            stack.extend(node.args)
    return False


def _outputs(node: Expr) -> int | None:
    out = node.get("outputs") if node.op == "layer" and node.get("kind") == "Linear" else None
    return out if isinstance(out, int) and out > 0 else None


def single_axes(recon: Reconstruction) -> tuple[int, ...]:
    """The axes of a reconstruction error that have length 1: the channels of a grey picture from a convolution."""
    return (1,) if any(layer.get("channels_out") == 1 for layer in _last_layers(recon)) else ()


def is_flat(recon: Reconstruction) -> bool:
    """Whether a linear layer makes what is compared: a row for each sample, as far as is known."""
    return any(layer.get("kind") == "Linear" and not _has_steps(layer) for layer in _last_layers(recon))


def _last_layers(recon: Reconstruction) -> Iterator[Expr]:
    for side in (recon.first, recon.second):
        node = strip(side)
        while node.op in ELEMENTWISE and len(node.args) == 1:
            node = node.args[0]
        if node.op == "layer":
            yield node


def is_no_picture(recon: Reconstruction) -> bool:
    """Whether a sample is no picture of channels, height and width: a row, a sequence, or made by no convolution."""
    rank = rank_of(recon.term)
    if rank is not None:
        return rank != _AXES_OF_PICTURES
    made = list(walk(recon.term))
    layers = [str(node.get("kind")).lower() for node in made if node.op == "layer"]
    return bool(layers) and not any("conv" in kind for kind in layers) and not any(n.op in _OF_PICTURES for n in made)
