"""Values that are pooled over their first axis: of all rows one is left, so that none of them is a sample's."""

from __future__ import annotations

import re

from vae_checked.linter.symbols.expression import ELEMENTWISE, REDUCTIONS, Expr, strip, walk

_EXTREMES = frozenset(("max", "min", "amax", "amin", "median"))
_PRODUCTS = frozenset(("mm", "matmul"))
_FEWEST = 2
_RECURRENT = frozenset(("RNN", "GRU", "LSTM"))
# What has rows of its own: data, and what is known of a tensor by its name alone.
_WITH_ROWS = frozenset(("atom", "data", "batch", "item", "index", "part", "call", "opaque"))


def over_first_axis(value: Expr) -> bool:
    """Whether of all that a value is made of the sum, mean or extremes over its first axis are taken on the way to it.

    A neural process describes a whole set by the mean of its rows. What stands beside such a mean with rows of its own
    keeps them, as in `h - h.mean(0)`. Rows that are laid one behind another before a layer takes them are gone as well.
    Means of files that are put beside each other are rows of data: what a sample was averaged over is none of its axes.
    """
    pooled = False
    seen: set[tuple[int, bool]] = set()
    stack = [(value, False)]
    while stack:
        node, is_taken = stack.pop()
        if (node.uid, is_taken) in seen:
            continue
        seen.add((node.uid, is_taken))
        if pools(node) or (is_taken and _puts_in_one_row(node)):
            pooled = True
        elif _is_of_data_rows(node):
            return False
        elif node.args:
            stack.extend((arg, is_taken or node.op == "layer") for arg in node.args)
        elif node.op in _WITH_ROWS:
            return False
    return pooled


def _is_of_data_rows(node: Expr) -> bool:
    """Whether a node puts data on a new first axis, before any layer: each of them is a sample."""
    is_new = node.op == "stack" and node.get("axis") == 0
    if not (is_new or (node.op == "opaque" and node.get("name") == "sequence")):
        return False
    return not any(each.op in ("layer", "parameter") for each in walk(node))


def pools(node: Expr) -> bool:
    """Whether a node reduces its first axis: that of a recurrent network's last states is one of layers.

    That on which the outputs of several layers were put beside each other, as those of experts are, is none of rows. A
    product of a matrix that is transposed, with another, sums over the rows of both.
    """
    if _sums_rows(node):
        return True
    if not (node.get("axes") == (0,) if node.op in REDUCTIONS else _takes_extremes(node)):
        return False
    of = node.args[0]
    if _is_of_layers(of):
        return False
    return not (of.op == "item" and of.get("index") != 0 and of.args[0].get("kind") in _RECURRENT)


def _puts_in_one_row(node: Expr) -> bool:
    """Whether all rows are laid one behind another, or may be."""
    sizes = node.get("sizes")
    if node.op == "flatten":
        return isinstance(sizes, tuple) and sizes[:1] in ((), (0,), (None,))
    return node.op in ("view", "reshape") and sizes == (-1,)


def _sums_rows(node: Expr) -> bool:
    is_product = node.op == "matmul" or (
        node.op in ("opaque", "call") and re.split(r"[.:]", str(node.get("name")))[-1] in _PRODUCTS
    )
    if not is_product or len(node.args) != _FEWEST or node.args[0].get("axes") not in ((1, 0), "all"):
        return False
    return node.args[0].op == "move" and not any(each.op == "parameter" for each in walk(node.args[0]))


def _takes_extremes(node: Expr) -> bool:
    """Whether a call, of the function or of the method, is one for the largest or the smallest along the first axis."""
    if node.op not in ("opaque", "call") or str(node.get("name")).rpartition(".")[2] not in _EXTREMES:
        return False
    axes = node.args[1:2]
    return bool(axes) and axes[0].op == "const" and axes[0].value == 0


def _is_of_layers(value: Expr) -> bool:
    """Whether a value is computed element by element from what several layers made, stacked on a new first axis."""
    stack, seen, found = [value], set[int](), False
    while stack:
        node = stack.pop()
        if node.uid in seen or node.op == "const":
            continue
        seen.add(node.uid)
        if node.op in ELEMENTWISE:
            stack += node.args
            continue
        layers = _stacked(node)
        if len(layers) < _FEWEST or len(set(layers)) < len(layers):
            return False
        found = True
    return found


def _stacked(value: Expr) -> list[object]:
    """The layers whose outputs are put together on a new first axis; none where any of them is something else."""
    parts = value.args if value.op in ("stack", "cat") and value.get("axis") == 0 else ()
    if value.op == "cat" and not all(part.op == "unsqueeze" and part.get("sizes") == (0,) for part in parts):
        return []
    made = [strip(part) for part in parts]
    while any(part.op == "part" for part in made):
        made = [strip(part.args[0]) if part.op == "part" else part for part in made]
    return [part.get("serial") for part in made] if all(part.op == "layer" for part in made) else []
