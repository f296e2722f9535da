"""Diagonal matrices, however they are made: what stands on the diagonal of a covariance, a precision, a factor."""

from __future__ import annotations

from vae_checked.linter.symbols.expression import TRANSPARENT, Expr, Site
from vae_checked.linter.symbols.values import Value, as_expr, number_of
from vae_checked.mathematics.ops import names_of

_MAX_DEPTH = 12
# Operations that leave zeros where they are, element by element, and those of them that leave ones as well.
_KEEPING_ZERO = names_of(lambda operation: not operation.parameters and operation.keeps(0.0))
_KEEPING_ONE = names_of(lambda operation: not operation.parameters and operation.keeps(1.0))
_PRODUCTS = frozenset(("matmul", "mm", "bmm"))
_OF_ENTRIES = {
    "cholesky": "sqrt", "inverse": "reciprocal", "inv": "reciprocal", "pinverse": "reciprocal", "pinv": "reciprocal",
}  # fmt: skip


def diagonal(matrix: Expr, depth: int = 0) -> Expr | None:
    """What stands on the diagonal of a matrix that has zeros elsewhere; None for any other, and for what is unknown."""
    node = matrix
    while node.args and (node.op in TRANSPARENT or node.op == "move" or (node.op == "stack" and len(node.args) == 1)):
        node = node.args[0]
    if node.op == "diag":
        return node.args[0]
    if depth > _MAX_DEPTH:
        return None
    name = str(node.get("name")).rpartition(".")[2] if node.op in ("opaque", "call") else node.op
    if name in _PRODUCTS or name in ("add", "sub", "mul"):
        return _of_two(name, node, depth + 1)
    if name not in _OF_ENTRIES and name not in _KEEPING_ZERO and name not in ("div", "pow"):
        return None
    entries = diagonal(node.args[0], depth + 1) if node.args else None
    if entries is None or number_of(entries) == 1.0:
        return entries if name in _KEEPING_ONE or name in _OF_ENTRIES or name == "pow" else None
    return Expr(_OF_ENTRIES.get(name, name), (entries, *node.args[1:]), (), node.site)


def _of_two(name: str, node: Expr, depth: int) -> Expr | None:
    """The diagonal of a sum or a product of two matrices; element by element, one of the factors may be full."""
    left, right = (diagonal(arg, depth) for arg in node.args[:2])
    if name == "mul" and (left is None) is not (right is None):
        left, right = left or node.args[0], right or node.args[1]
    if left is None or right is None:
        return None
    if name in ("add", "sub"):
        return Expr(name, (left, right), (), node.site)
    if 1.0 in (number_of(left), number_of(right)):
        return right if number_of(left) == 1.0 else left
    return Expr("mul", (left, right), (), node.site)


def with_diagonal(owner: Expr, key: Value, value: Value, site: Site) -> Expr | None:
    """A matrix of zeros after `owner[..., i, i] = value`, at once or entry by entry; None for other assignments."""
    blank = owner
    while blank.op in TRANSPARENT and blank.args:
        blank = blank.args[0]
    if blank.op != "diag" and not (blank.op == "const" and blank.value == 0.0):
        return None
    if not isinstance(key, tuple) or len(key) < 2 or not _is_same_index(*key[-2:]):
        return None
    entries = as_expr(value, site)
    if entries.op == "index":
        # One entry of a vector, as a loop along the diagonal takes it.
        entries = entries.args[0]
    return Expr("diag", (entries,), (), site)


def _is_same_index(row: Value, column: Value) -> bool:
    if isinstance(row, (Expr, list)):
        return bool(row == column)
    return number_of(row) is not None and number_of(row) == number_of(column)
