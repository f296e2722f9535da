"""Layers over steps that take the first axis for these, and are given tensors which have that of the samples there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vae_checked.linter.roles.reductions import rank_of
from vae_checked.linter.roles.view_sizes import STILL, VIEWS, is_called_batch_size, sizes_of
from vae_checked.linter.symbols.expression import ELEMENTWISE, REDUCTIONS, Expr
from vae_checked.linter.symbols.index_keys import WHOLE

# Layers whose first axis is still that of the samples.
_KEEPING = frozenset(
    "Conv1d Conv2d Conv3d BatchNorm1d BatchNorm2d BatchNorm3d GroupNorm InstanceNorm1d InstanceNorm2d MaxPool1d "
    "MaxPool2d AvgPool1d AvgPool2d AdaptiveAvgPool1d AdaptiveAvgPool2d Dropout Dropout1d Dropout2d Linear LayerNorm "
    "Embedding Upsample".split()
)
_RECURRENT = frozenset(("LSTM", "GRU", "RNN"))
_OVER_STEPS = _RECURRENT | frozenset(
    "MultiheadAttention Transformer TransformerEncoder TransformerDecoder TransformerEncoderLayer "
    "TransformerDecoderLayer".split()
)
_OF_SEQUENCES, _MOST_DEPTH = 3, 80


def layers(nodes: Iterable[Expr]) -> Iterator[Expr]:
    """The layers whose steps are the samples of a batch: each is computed from those before it, or from all others."""
    known = list(nodes)
    for node in known:
        if node.op == "layer" and node.get("kind") in _OVER_STEPS and node.get("batch_first") is False and node.args:
            found = _Axes()
            if found.has_samples_first(node.args[0]) and (found.has_steps or _is_taken_by_step(node, known)):
                yield node


def _is_taken_by_step(layer: Expr, nodes: Iterable[Expr]) -> bool:
    """Whether what a layer makes is asked for one place on its second axis, or pooled over that: it has a third one."""
    made = {layer.uid} | {node.uid for node in nodes if node.op == "item" and node.args[0].uid == layer.uid}
    for node in nodes:
        if node.args and node.args[0].uid in made:
            key = node.get("key")
            if node.op == "index" and isinstance(key, tuple) and len(key) > 1 and key[0] == WHOLE:
                return True
            if node.op in REDUCTIONS and node.get("axes") == (1,):
                return True
    return False


class _Axes:
    """What is seen of the axes of a tensor on the way to what it is made of: whether there are more than two."""

    def __init__(self) -> None:
        self.has_steps = False
        self._seen: dict[int, bool] = {}

    def has_samples_first(self, node: Expr, depth: int = 0) -> bool:
        """Whether the first axis of a tensor is surely that of the samples of a batch."""
        if node.uid not in self._seen:
            self._seen[node.uid] = False
            self._seen[node.uid] = depth < _MOST_DEPTH and self._read(node, depth + 1)
        return self._seen[node.uid]

    def _read(self, node: Expr, depth: int) -> bool:
        if node.op in ("batch", "data"):
            rows = node.get("rows")
            # In no order no batch is a sequence.
            self.has_steps = self.has_steps or node.get("shuffled") is True
            return node.get("batched") is True and (rows is None or (isinstance(rows, int) and rows > 1))
        if not node.args:
            return False
        if node.op == "layer":
            return self._of_layer(node, depth)
        if node.op == "item":
            return self._of_item(node, depth)
        if node.op in ("cat", "part"):
            axis = node.get("axis")
            is_other = isinstance(axis, (int, float)) and axis != 0
            return is_other and any(self.has_samples_first(arg, depth) for arg in node.args)
        if node.op in ELEMENTWISE:
            return self._of_several(node, depth)
        return self._keeps_first(node) and self.has_samples_first(node.args[0], depth)

    def _of_layer(self, node: Expr, depth: int) -> bool:
        kind = node.get("kind")
        if kind in _OVER_STEPS and node.get("batch_first") is True:
            self.has_steps = True
            return True
        self.has_steps = self.has_steps or kind == "Embedding" or str(kind).startswith("Conv")
        return kind in _KEEPING | _OVER_STEPS - _RECURRENT and self.has_samples_first(node.args[0], depth)

    def _of_item(self, node: Expr, depth: int) -> bool:
        """Whether samples stand first in all outputs of a recurrent layer, or in the state of one of its layers."""
        whole, index = node.args[0], node.get("index")
        if whole.get("kind") in _RECURRENT and index == 0:
            if whole.get("batch_first") is True:
                self.has_steps = True
                return True
            return self.has_samples_first(whole.args[0], depth)
        return isinstance(index, int) and _is_state(whole)

    def _of_several(self, node: Expr, depth: int) -> bool:
        """Whether of what is put together element by element one has samples first, and no other may have more axes."""
        tensors = [arg for arg in node.args if arg.op not in ("const", "noise")]
        first = [self.has_samples_first(arg, depth) for arg in tensors]
        return any(first) and (self.has_steps or all(first))

    def _keeps_first(self, node: Expr) -> bool:
        """Whether an operation leaves the first axis where it is; what it says of the others is noted."""
        sizes = sizes_of(node)
        if node.op in STILL or node.op == "softmax":
            return True
        if node.op == "move":
            axes = node.get("axes")
            if not isinstance(axes, tuple):
                return False
            self.has_steps = self.has_steps or len(axes) == _OF_SEQUENCES or 2 in axes
            return axes[:1] == (0,) if node.get("how") == "permute" else 0 not in axes
        if node.op in ("unsqueeze", "squeeze"):
            self.has_steps = self.has_steps or node.op == "unsqueeze"
            return sizes in ((1,), (2,), (-1,))
        if node.op in ("repeat", "expand"):
            return self._copies(node, sizes)
        if node.op == "flatten":
            self.has_steps = self.has_steps or sizes[:1] == (2,)
            return sizes == () or (isinstance(sizes[0], int) and sizes[0] > 0)
        if node.op in VIEWS:
            self.has_steps = self.has_steps or len(sizes) >= _OF_SEQUENCES
            return _is_viewed_by_samples(node, sizes)
        if node.op in REDUCTIONS:
            axes = node.get("axes")
            return isinstance(axes, tuple) and all(isinstance(axis, int) and axis > 0 for axis in axes)
        key = node.get("key")
        return node.op == "index" and isinstance(key, tuple) and key[:1] == (WHOLE,)

    def _copies(self, node: Expr, sizes: tuple[object, ...]) -> bool:
        """Whether copies are made along another axis than the first, of a tensor that has as many axes already."""
        if node.get("each"):
            axis = node.get("axis")
            return isinstance(axis, int) and axis > 0
        below = node.args[0]
        is_as_long = below.op == "unsqueeze" or rank_of(below) == len(sizes)
        kept = (1,) if node.op == "repeat" else (-1,)
        is_kept = sizes[:1] == kept or (
            node.op == "expand" and (_is_first_size(sizes) or is_called_batch_size(node, 0))
        )
        return is_as_long and is_kept


def _is_state(value: Expr) -> bool:
    """Whether a value is the last state of a recurrent layer, one of the two that an LSTM has: (layers, B, H)."""
    whole = value.args[0] if value.op == "item" and value.args else value
    if whole.get("kind") in _RECURRENT:
        return value.get("index") == 1 and whole.get("kind") != "LSTM"
    inner = whole.args[0] if whole.op == "item" and whole.args else whole
    return inner.get("kind") == "LSTM" and whole.get("index") == 1


def _is_first_size(sizes: tuple[object, ...]) -> bool:
    return bool(sizes) and isinstance(sizes[0], tuple) and sizes[0][2] == 0


def _is_viewed_by_samples(view: Expr, sizes: tuple[object, ...]) -> bool:
    """Whether the first axis after a view is that of the samples, or has them all with their steps: by its size, or
    where all others are written as numbers."""
    if _is_first_size(sizes) or (len(sizes) > 1 and is_called_batch_size(view, 0)):
        return True
    numbers = [size for size in sizes[1:] if isinstance(size, int) and size > 0]
    return sizes[:1] == (-1,) and len(numbers) == len(sizes) - 1 > 1
