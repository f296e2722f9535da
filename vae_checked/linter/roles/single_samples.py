"""Values of one sample that was picked of a batch, or read by itself: what is drawn for one row has one row as well."""

from __future__ import annotations

import ast

from vae_checked.linter.roles.draw_axes import OVER_STEPS
from vae_checked.linter.roles.view_sizes import VIEWS, under
from vae_checked.linter.symbols.expression import Expr, strip
from vae_checked.linter.symbols.index_keys import WHOLE

_COPIES = frozenset(("expand", "repeat"))
_LENGTHS = frozenset(("size", "shape"))
# What has rows of its own: data, and what is known of a tensor by its name alone.
_WITH_ROWS = frozenset(("atom", "data", "label", "batch", "noise"))
_OF_SEVERAL = frozenset(("max", "min", "sort", "topk"))
_NARROWED = 4
# A recurrent layer takes steps, samples and features.
_AXES_OF_STEPS = 3


def is_of_one(mean: Expr) -> bool:
    """Whether of all that a mean is made of one row at most is taken, or as much as is known of it.

    What stands beside that row with rows of its own keeps them, and copies of it are rows again.
    """
    found = False
    seen: set[int] = set()
    stack = [mean]
    while stack:
        node = stack.pop()
        if node.uid in seen or node.op in _LENGTHS:
            continue
        seen.add(node.uid)
        if _is_one_row(node):
            found = True
        elif node.op in _WITH_ROWS or _makes_rows(node):
            return False
        else:
            stack.extend(node.args[1:] if node.op == "phi" else node.args)
    return found


def _is_one_row(node: Expr) -> bool:
    """Whether the first axis of a value has length 1, or is that of a sample which has none for a batch."""
    sizes = node.get("sizes")
    if node.op == "unsqueeze" and sizes == (0,):
        return not _is_whole_batch(node.args[0])
    if node.op in VIEWS and isinstance(sizes, tuple) and len(sizes) > 1 and sizes[0] == 1:
        return not _is_whole_batch(node.args[0])
    if node.op == "stack" and node.get("axis") == 0:
        return _stacks_one(node) and not _is_whole_batch(node.args[0])
    if node.op == "index":
        return _picks_one(node)
    if node.op == "layer":
        return node.get("batch_first") is False and _is_one_sequence(node.args[0])
    if node.op == "call" and node.get("name") == "narrow" and len(node.args) == _NARROWED:
        axis, length = (node.args[at].get("value") for at in (1, 3))
        return axis == 0 and length == 1
    if node.op in ("data", "label"):
        return node.get("batched") is True and node.get("rows") == 1
    return _is_picked(node) and _is_batch(node.args[0])


def _is_one_sequence(steps: Expr) -> bool:
    """Whether what a recurrent layer takes has a length of 1 on its second axis, which is that of the samples."""
    value = under(steps)
    sizes, key = value.get("sizes"), value.get("key")
    if value.op in VIEWS:
        is_one = isinstance(sizes, tuple) and len(sizes) == _AXES_OF_STEPS and sizes[1] == 1
    elif value.op == "index":
        is_one = isinstance(key, tuple) and key[:2] == (WHOLE, ("value", None))
    else:
        is_one = value.op == "unsqueeze" and sizes == (1,)
    return is_one and not _is_whole_batch(value.args[0])


def _is_picked(node: Expr) -> bool:
    """Whether a value is one entry of the first axis of another one: `x[0]`, each x of a loop."""
    if node.op != "item" or (isinstance(index := node.get("index"), str) and index != "any"):
        return False
    # What comes out of such layers, and of a search, is several tensors.
    whole = strip(node.args[0])
    searches = str(whole.get("name")).rpartition(".")[2] in _OF_SEVERAL
    return not searches and not str(whole.get("kind")).startswith(OVER_STEPS)


def _is_batch(value: Expr) -> bool:
    """Whether a value is a batch of data as a loader hands it out."""
    below = strip(value)
    return below.op == "data" and below.get("batched") is True


def _is_whole_batch(value: Expr) -> bool:
    """Whether a batch of a loader stands below a value with all of its rows."""
    stack, seen = [value], set[int]()
    while stack:
        node = stack.pop()
        if node.uid in seen or _is_picked(node) or (node.op == "index" and _picks_row(node)):
            continue
        seen.add(node.uid)
        if node.get("batched") is True and node.get("rows") != 1:
            return True
        stack.extend(node.args)
    return False


def _picks_one(index: Expr) -> bool:
    """Whether an index keeps one row with its axis: `x[:1]`, `x[k : k + 1]`, `x[[k]]`, `x[None, k]`."""
    key = index.get("key")
    first = key[0] if isinstance(key, tuple) and key else None
    if first == ("value", None):
        return _picks_row(index)
    written = _first_written(index)
    if isinstance(written, ast.List):
        return len(written.elts) == 1 and not isinstance(written.elts[0], ast.Starred)
    if not isinstance(first, tuple) or first[0] != "slice":
        return False
    start, stop = (_number(end) for end in first[1:3])
    if first[1] == ("value", None) or start is not None:
        return stop is not None and stop - (start or 0) == 1
    return isinstance(written, ast.Slice) and _is_one_further(written)


def _picks_row(index: Expr) -> bool:
    """Whether an index drops the first axis by the number of its row, or may: `x[k]`, `x[None, 0]`."""
    key = index.get("key")
    behind = [part for part in key if part != ("value", None)] if isinstance(key, tuple) else []
    return bool(behind) and (_number(behind[0]) is not None or behind[0][0] == "expr")


def _number(part: object) -> int | None:
    if isinstance(part, tuple) and part[0] == "value" and isinstance(part[1], int):
        return part[1]
    return None


def _stacks_one(stack: Expr) -> bool:
    """Whether one tensor alone is stacked, as it is written: what stands for those of a loop is more."""
    call = None if stack.site is None else stack.site.node
    given = call.args[0] if isinstance(call, ast.Call) and call.args else None
    return (
        isinstance(given, (ast.List, ast.Tuple)) and len(given.elts) == 1 and not isinstance(given.elts[0], ast.Starred)
    )


def _first_written(index: Expr) -> ast.expr | None:
    """What an index holds for the first axis as it is written."""
    node = None if index.site is None else index.site.node
    if not isinstance(node, ast.Subscript):
        return None
    return node.slice.elts[0] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice


def _is_one_further(written: ast.Slice) -> bool:
    """Whether a slice ends one after where it starts: `k : k + 1`."""
    end = written.upper
    if written.lower is None or not isinstance(end, ast.BinOp) or not isinstance(end.op, ast.Add):
        return False
    sides = ast.dump(end.left), ast.dump(end.right)
    return set(sides) == {ast.dump(written.lower), ast.dump(ast.Constant(1))}


def _makes_rows(node: Expr) -> bool:
    """Whether a node has more rows than what it is made of: copies, or several values one behind another."""
    if node.op in _COPIES:
        if node.get("each"):
            return node.get("axis") in (0, None)
        sizes = node.get("sizes")
        return not (isinstance(sizes, tuple) and sizes and sizes[0] in (1, -1))
    return node.op in ("cat", "stack") and node.get("axis") in (0, None)
