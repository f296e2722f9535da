"""Batches that are flattened into one row before a linear layer: all samples of one share what it makes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vae_checked.layout_facts import Mixing
from vae_checked.linter.roles.reductions import rank_of
from vae_checked.linter.roles.view_sizes import STILL, VIEWS
from vae_checked.linter.symbols.expression import ELEMENTWISE, Expr

# Layers whose first axis is still that of the samples: what is flattened behind them is all that they made.
_KEEPING = frozenset(
    "Conv1d Conv2d Conv3d BatchNorm1d BatchNorm2d BatchNorm3d GroupNorm InstanceNorm2d MaxPool1d MaxPool2d MaxPool3d "
    "AvgPool1d AvgPool2d AdaptiveAvgPool2d AdaptiveMaxPool2d Dropout Dropout2d Linear LayerNorm Upsample".split()
)
_MOST_STEPS = 200


def rows(nodes: Iterable[Expr]) -> Iterator[tuple[Expr, Mixing]]:
    """What makes one row of several samples, for a linear layer of a fixed width, and what it mixes."""
    for node in nodes:
        if node.op == "layer" and node.get("kind") == "Linear" and node.args:
            flat = one_row(node.args[0])
            if flat is not None and _holds_samples(flat.args[0]):
                yield flat, Mixing.BATCH_AS_FEATURES


def one_row(expr: Expr) -> Expr | None:
    """The flattening of all axes that a layer is given as it is, or bent element by element; None without one."""
    node = expr
    for _ in range(_MOST_STEPS):
        if node.op in VIEWS or node.op == "flatten":
            # What is one row already is made one where it first was.
            return (one_row(node.args[0]) or node) if is_whole(node) else None
        kept = node.op in STILL or (node.op == "layer" and node.get("kind") in ("Dropout", "Linear", "LayerNorm"))
        is_one_more = node.op == "unsqueeze" and node.get("sizes") == (0,)
        if not (kept or is_one_more) and node.op not in ELEMENTWISE:
            return None
        tensors = [arg for arg in node.args if arg.op != "const"]
        if len(tensors) != 1:
            return None
        node = tensors[0]
    return None


def is_whole(node: Expr) -> bool:
    """Whether a view or a flattening puts all elements of a tensor, those of all samples, in one row."""
    sizes = node.get("sizes")
    if node.op in VIEWS:
        return isinstance(sizes, tuple) and sizes[-1:] == (-1,) and all(size == 1 for size in sizes[:-1])
    # nn.Flatten as it is by default has no sizes at all, the method without arguments has none of them.
    if node.op != "flatten" or not isinstance(sizes, tuple) or sizes[:1] not in ((), (0,)):
        return False
    last = sizes[1] if len(sizes) > 1 else -1
    rank = rank_of(node.args[0])
    return last == -1 or (rank is not None and last == rank - 1)


def _holds_samples(expr: Expr) -> bool:
    """Whether a value is made of batches of several samples, all of which are still in it."""
    node = expr
    for _ in range(_MOST_STEPS):
        if node.op in ("batch", "data"):
            count = node.get("rows")
            return bool(node.get("batched")) and isinstance(count, int) and count > 1
        if node.op in VIEWS or node.op == "flatten":
            pass  # All samples are in what another shape makes of them.
        elif node.op == "move":
            axes = node.get("axes")
            if not isinstance(axes, tuple) or (axes[:1] != (0,) if node.get("how") == "permute" else 0 in axes):
                return False
        elif node.op == "layer":
            if node.get("kind") not in _KEEPING:
                return False
        elif node.op not in STILL and node.op not in ELEMENTWISE:
            return False
        tensors = [arg for arg in node.args if arg.op != "const"]
        if len(tensors) != 1:
            return False
        node = tensors[0]
    return False
