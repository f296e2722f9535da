"""Batch sizes in a number that is known: `beta = 0.3 * batch_size` depends on the batch as that size does."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING

from vae_checked.linter.files import syntax
from vae_checked.mathematics.names import is_batch_size

if TYPE_CHECKING:
    from vae_checked.linter.files.source import Cell

_FACTORS = (ast.Mult, ast.Div)


def stands_in(operand: ast.expr | None, cell: Cell | None) -> bool:
    """Whether the batch size is a factor of a number as it is written, or as the name that it has was given it."""
    if operand is None or _holds(operand):
        return operand is not None
    around = function_around(operand, cell) if isinstance(operand, ast.Name) and cell is not None else None
    return around is not None and getattr(operand, "id", "") in _given(around)


def leads(view: ast.AST) -> bool:
    """Whether the first size that a view is given is written as the batch size, whatever number that is."""
    if not isinstance(view, ast.Call) or not isinstance(view.func, ast.Attribute):
        return False
    sizes = view.args[1:] if getattr(view.func.value, "id", "") == "torch" else view.args
    while sizes and isinstance(sizes[0], (ast.Tuple, ast.List)):
        sizes = sizes[0].elts
    written = sizes[0] if sizes else None
    name = syntax.last(written) if written is not None else ""
    return len(name) > 1 and is_batch_size(name)


def function_around(written: ast.expr | ast.stmt, cell: Cell) -> syntax.Definition | None:
    """The innermost function in which an expression or a statement stands."""
    around = None
    for node in cell.functions:
        if node.lineno <= written.lineno <= (node.end_lineno or 0):
            around = node
    return around


@lru_cache(maxsize=64)
def _given(function: syntax.Definition) -> frozenset[str]:
    """The names that a function gives to products with the batch size."""
    given = (
        node
        for node in syntax.descendants(function)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp) and _holds(node.value)
    )
    return frozenset(getattr(target, "id", "") for node in given for target in node.targets)


def _holds(value: ast.expr) -> bool:
    if isinstance(value, ast.BinOp) and isinstance(value.op, _FACTORS):
        return _holds(value.left) or _holds(value.right)
    name = syntax.last(value)
    # One letter among the factors of a number may be any of them.
    return len(name) > 1 and is_batch_size(name)
