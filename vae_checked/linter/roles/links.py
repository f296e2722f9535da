"""The likelihood of the links of a graph: of those that are there and, averaged by itself, of some that are not.

Kipf and Welling 2016, https://arxiv.org/abs/1611.07308, with as many links drawn that are not there.
"""

from __future__ import annotations

from vae_checked.linter.symbols.expression import (
    LOGS,
    LOSS,
    NOISE,
    REDUCTIONS,
    TRANSPARENT,
    Expr,
    called_name,
    strip,
    walk,
)
from vae_checked.record import dataclass

# What stands for the links of the data: each is there, or is not.
GIVEN = "links"
_BOTH = LOGS | NOISE
_PRODUCTS = frozenset(("torch.matmul", "torch.mm", "matmul", "mm"))
# What picks rows beside an index.
_SELECTING = frozenset(("index_select", "gather", "take_along_dim"))


@dataclass(frozen=True, slots=True)
class Links:
    """How probable links are that are there, by what, and the sign of the sum: -1 for a log likelihood."""

    probable: Expr
    sign: int


def read(node: Expr) -> Links | None:
    """The likelihood that a sum is, where one draw makes both kinds of links probable; None for any other sum."""
    if node.op not in ("add", "sub") or any(arg.bits & _BOTH != _BOTH for arg in node.args):
        return None
    signs = 1, 1 if node.op == "add" else -1
    one, other = (_logarithm(arg, sign) for arg, sign in zip(node.args, signs, strict=True))
    if one is None or other is None or one[1] != other[1]:
        return None
    for present, absent in ((one[0], other[0]), (other[0], one[0])):
        missing = _complement(absent)
        if missing is None or _complement(present) is not None or missing.uid == present.uid:
            continue
        if _draws(present) & _draws(missing):
            return Links(present, -one[1])
    return None


def scored(node: Expr) -> Expr | None:
    """The loss of the links that are there, where a sum adds that of links that are not.

    Each compares some entries of one matrix of inner products of what is drawn with one number, or the inner products
    of what is drawn for the two ends of some links: 1 for a link, else 0.
    """
    losses = [_loss(arg) for arg in node.args] if node.op == "add" and node.bits & LOSS else []
    by_label = {strip(loss.args[1]).value: loss for loss in losses if loss is not None}
    there, missing = by_label.get(1.0), by_label.get(0.0)
    if there is None or missing is None or there.get("kind") is not missing.get("kind"):
        return None
    picked, other = strip(there.args[0]), strip(missing.args[0])
    code = _code_of_ends(picked)
    if code is not None and code == _code_of_ends(other):
        return there
    if picked.op != "index" or other.op != "index":
        return None
    scores = strip(picked.args[0])
    return there if scores.uid == strip(other.args[0]).uid and _is_of_pairs(scores) else None


def is_of_ends(value: Expr) -> bool:
    """Whether a value is made of rows of what is drawn that are picked twice, as for the two ends of links."""
    rows: dict[int, set[object]] = {}
    for node in walk(value) if value.bits & NOISE else ():
        picked = _picked(node) if node.bits & NOISE else None
        if picked is not None:
            rows.setdefault(strip(picked[0]).uid, set()).add(picked[1])
    return any(len(ends) > 1 for ends in rows.values())


def is_of_one_end(value: Expr, other: Expr) -> bool:
    """Whether a value is made of rows of what is drawn, as it is drawn, and of rows of something else, as for links.

    Of what it is compared with the same rows may be picked, as those that have a label: they are samples still.
    """
    # Of an embedding's table the rows are of no draw, whatever noise chose the numbers, as where words are dropped.
    picked = [(node.op == "layer", *found) for node in walk(value) if (found := _row(node)) is not None]
    ends = {key for of_table, rows, key in picked if not of_table and rows.bits & NOISE and not _is_decoded(rows)}
    beside = {key for of_table, rows, key in picked if of_table or not rows.bits & NOISE}
    return bool(ends and beside - ends) and not ends & {found[1] for node in walk(other) if (found := _row(node))}


def _row(node: Expr) -> tuple[Expr, object] | None:
    """As `_picked`, and a row of an embedding's table for each number."""
    if node.op == "layer" and node.get("kind") == "Embedding" and node.args:
        return node.args[0], ("expr", node.args[0].uid)
    return _picked(node)


def _is_decoded(drawn: Expr) -> bool:
    return any(node.op == "layer" and node.bits & NOISE for node in walk(drawn))


def _picked(node: Expr) -> tuple[Expr, object] | None:
    """What has its rows picked by a tensor, and by which; of links that were picked at once which of their ends."""
    key = node.get("key") if node.op == "index" else None
    if isinstance(key, tuple) and key and isinstance(key[0], tuple) and key[0][0] == "expr":
        return node.args[0], key[0]
    if node.op == "item" and _picked(strip(node.args[0])) is not None:
        return node.args[0], node.get("index")
    if node.op not in ("call", "opaque") or len(node.args) < 2:
        return None
    name = called_name(node)
    if name in _SELECTING:
        return node.args[0], node.args[-1].uid
    return (node.args[1], node.args[0].uid) if name == "embedding" else None


def _loss(term: Expr) -> Expr | None:
    """A loss against one number, behind what reduces it."""
    node = strip(term)
    while node.op in REDUCTIONS:
        node = strip(node.args[0])
    return node if node.op == "loss" and strip(node.args[1]).op == "const" else None


def _code_of_ends(scores: Expr) -> int | None:
    """What is drawn, by its number, where scores are the inner products of some of its rows with others."""
    while scores.op in ("clamp", "sigmoid"):
        scores = strip(scores.args[0])
    product = strip(scores.args[0]) if scores.op == "sum" else scores
    if scores.op != "sum" or product.op != "mul" or not _draws(product):
        return None
    ends = [strip(arg) for arg in product.args]
    codes = {strip(end.args[0]).uid for end in ends if end.op in ("index", "item")}
    return codes.pop() if len(codes) == 1 and all(end.op in ("index", "item") for end in ends) else None


def _is_of_pairs(scores: Expr) -> bool:
    """Whether scores are the inner products of what is drawn with itself, behind an activation or not."""
    if scores.op == "sigmoid":
        scores = strip(scores.args[0])
    is_product = scores.op == "matmul" or scores.get("name") in _PRODUCTS
    if not is_product or len(scores.args) != 2 or not _draws(scores):
        return False
    one, other = map(strip, scores.args)
    return other.op == "move" and strip(other.args[0]).uid == one.uid


def _logarithm(term: Expr, sign: int) -> tuple[Expr, int] | None:
    """What a reduced logarithm is of, without the small number that keeps it finite, and its sign in a sum."""
    node, reduced = term, False
    while node.op != "log":
        if node.op == "neg":
            sign = -sign
        elif node.op in REDUCTIONS:
            reduced = True
        elif node.op not in TRANSPARENT:
            return None
        node = node.args[0]
    inner = strip(node.args[0])
    if inner.op == "add":
        inner = next((strip(arg) for arg in inner.args if arg.op != "const"), inner)
    return (inner, sign) if reduced else None


def _complement(value: Expr) -> Expr | None:
    """What is subtracted from 1."""
    one = value.op == "sub" and value.args[0].op == "const" and value.args[0].value == 1.0
    return strip(value.args[1]) if one else None


def _draws(value: Expr) -> set[int]:
    return {node.uid for node in walk(value) if node.op in ("noise", "draw")}
