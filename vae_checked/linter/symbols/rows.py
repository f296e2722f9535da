"""Rows that the turns of a loop take of a batch, and batches whose first axis is put elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from vae_checked.linter.symbols.expression import ELEMENTWISE, REDUCTIONS, TRANSPARENT, Expr, strip

_MADE_OF = ELEMENTWISE | REDUCTIONS | TRANSPARENT | frozenset(("loss", "softmax"))
_SWAPPING = frozenset(("transpose", "swapaxes"))
_OF_TABLES = frozenset(("T", "t", "H"))


def is_computed(whole: Expr) -> bool:
    """Whether a value is a tensor that was computed: the items of a loader are batches, those of a list may be."""
    value = strip(whole)
    return value.op == "layer" or value.op in ELEMENTWISE


def is_of_rows(term: Expr) -> bool:
    """Whether a term is computed from one row of each of its tensors, which a loop takes of what was computed."""
    taken = [leaf for leaf in _leaves(term) if leaf.op != "const"]
    if not taken or not all(map(_is_taken, taken)):
        return False
    return any(is_computed(leaf.args[0]) or is_turned(strip(leaf.args[0])) for leaf in taken)


def batches_of(term: Expr) -> Iterator[Expr]:
    """The tensors that a loop takes rows of for a term."""
    return (leaf.args[0] for leaf in _leaves(term) if _is_taken(leaf))


def are_columns(term: Expr) -> bool:
    """Whether what a loop takes for a term are columns: the rows of what has the axis of the samples elsewhere."""
    return any(_is_taken(leaf) and is_turned(strip(leaf.args[0])) for leaf in _leaves(term))


def turned_in(value: Expr) -> Expr | None:
    """What puts another axis in place of the first one, of all that a value is computed from element by element."""
    return next(filter(is_turned, _leaves(value)), None)


def is_turned(node: Expr) -> bool:
    """Whether a node puts another axis in place of the first one, which is that of the samples elsewhere."""
    how, axes = str(node.get("how")), node.get("axes")
    if node.op != "move" or is_of_two_axes(node):
        return node.op == "move"
    if not isinstance(axes, tuple):
        return False
    return axes[:1] != (0,) if how == "permute" else how in _SWAPPING and 0 in axes


def is_of_two_axes(node: Expr) -> bool:
    """Whether a node makes columns of the rows of a table."""
    axes = node.get("axes")
    return node.get("how") in _OF_TABLES or (node.get("how") == "permute" and axes in ((1, 0), (-1, -2), (-1, 0)))


def _leaves(term: Expr) -> Iterator[Expr]:
    """What a term is computed from, element by element and by sums over some of them."""
    stack, seen = [term], set[int]()
    while stack:
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        if node.op in _MADE_OF and node.args and node.op != "move":
            stack.extend(node.args)
        else:
            yield node


def _is_taken(leaf: Expr) -> bool:
    """Whether a value is one item of a tensor, of whichever turn: `for row in rows`, `rows[i]`."""
    if leaf.op == "item":
        return leaf.get("index") == "any"
    key = leaf.get("key") if leaf.op == "index" else None
    return isinstance(key, tuple) and isinstance(key[0], tuple) and key[0][0] == "expr"
