"""Values that are pooled over their first axis: of all rows one is left, so that none of them is a sample's."""

from __future__ import annotations

from vae_checked.linter.symbols.expression import REDUCTIONS, Expr

_EXTREMES = frozenset(("max", "min", "amax", "amin", "median"))
_RECURRENT = frozenset(("RNN", "GRU", "LSTM"))
# What has rows of its own: data, and what is known of a tensor by its name alone.
_WITH_ROWS = frozenset(("atom", "data", "batch", "item", "index", "part", "call", "opaque"))


def over_first_axis(value: Expr) -> bool:
    """Whether of all that a value is made of the sum, mean or extremes over its first axis are taken on the way to it.

    A neural process describes a whole set by the mean of its rows. What stands beside such a mean with rows of its own
    keeps them, as in `h - h.mean(0)`.
    """
    pooled = False
    seen: set[int] = set()
    stack = [value]
    while stack:
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        if pools(node):
            pooled = True
        elif node.args:
            stack.extend(node.args)
        elif node.op in _WITH_ROWS:
            return False
    return pooled


def pools(node: Expr) -> bool:
    """Whether a node reduces its first axis: that of a recurrent network's last states is one of layers."""
    if not (node.get("axes") == (0,) if node.op in REDUCTIONS else _takes_extremes(node)):
        return False
    of = node.args[0]
    return not (of.op == "item" and of.get("index") != 0 and of.args[0].get("kind") in _RECURRENT)


def _takes_extremes(node: Expr) -> bool:
    """Whether a call, of the function or of the method, is one for the largest or the smallest along the first axis."""
    if node.op not in ("opaque", "call") or str(node.get("name")).rpartition(".")[2] not in _EXTREMES:
        return False
    axes = node.args[1:2]
    return bool(axes) and axes[0].op == "const" and axes[0].value == 0
