"""The axis of several draws for each sample, in front of that of the batch: its length is no batch size."""

from __future__ import annotations

from vae_checked.linter.symbols.expression import NOISE, TRANSPARENT, Expr
from vae_checked.linter.torch_model.sizes import LATER, UNKNOWN

# Layers that go through steps; the first state of one has axes of its own.
OVER_STEPS = ("LSTM", "GRU", "RNN", "Transformer", "Multihead")
_COPIES = frozenset(("expand", "repeat"))
_ROWS = 2
# What may have another first axis than what it is made of.
_SHAPED = frozenset(("view", "reshape", "flatten", "move", "squeeze", "index", "item", "part", "cat"))
_LENGTHS = frozenset(("size", "shape"))


def is_in_front(whole: Expr) -> bool:
    """Whether the first axis of a value is one of draws, or may be: that of what is made of several samples of z."""
    stack, seen = [whole], set[int]()
    while stack:
        node = stack.pop()
        if node.uid in seen or not node.bits & NOISE:
            continue
        seen.add(node.uid)
        if node.get("drawn") or adds_an_axis(node) or is_put_in_front(node):
            return True
        if node.op == "noise" and (has_such_sizes(node) or any(map(is_put_in_front, node.args))):
            return True
        if not _is_of_another_axis(node):
            stack.extend(node.args)
    return False


def _is_of_another_axis(node: Expr) -> bool:
    if node.op in ("sum", "mean"):
        axes = node.get("axes")
        return axes != LATER and (not isinstance(axes, tuple) or 0 in axes)
    return node.op in _SHAPED or node.op in _LENGTHS or str(node.get("kind")).startswith(OVER_STEPS)


def has_such_sizes(noise: Expr) -> bool:
    """Whether noise is, or may be, drawn with the sizes of heads behind another one: `randn(5, *mean.shape)`."""
    shape = noise.get("shape")
    if shape == UNKNOWN or (shape is None and not noise.args):
        return True
    later = shape[1:] if isinstance(shape, tuple) else ()
    return any(isinstance(part, tuple) and part[0] in ("size", "from") and part[1] == 0 for part in later)


def is_put_in_front(value: Expr) -> bool:
    """Whether heads have got an axis of copies in front of their rows, or may have."""
    while value.op in TRANSPARENT and value.args:
        sizes = value.get("sizes")
        if adds_an_axis(value) or (value.op in _COPIES and isinstance(sizes, tuple) and len(sizes) > _ROWS):
            return True
        value = value.args[0]
    return False


def adds_an_axis(node: Expr) -> bool:
    """Whether a node puts an axis in front of those of what it takes."""
    if node.op == "stack":
        return node.get("axis") in (None, 0)
    return node.op == "unsqueeze" and node.get("sizes") == (0,)
