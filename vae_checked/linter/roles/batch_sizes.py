"""Batch sizes in a number that is known: `beta = 0.3 * batch_size` depends on the batch as that size does."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from vae_checked.linter.files import syntax
from vae_checked.mathematics.names import is_batch_size

if TYPE_CHECKING:
    from vae_checked.linter.files.source import Cell

_FACTORS = (ast.Mult, ast.Div)


def power_in(operand: ast.expr | None, cell: Cell | None) -> int:
    """The power of the batch size in a number as it is written, or as the name that it has was given it.

    0 for what is called the batch size itself: the number is all that is known of it.
    """
    if isinstance(operand, ast.Name) and cell is not None:
        around = function_around(operand, cell)
        return 0 if around is None else _given(around).get(operand.id, 0)
    return _power(operand) if isinstance(operand, ast.BinOp) else 0


def function_around(name: ast.Name, cell: Cell) -> ast.FunctionDef | None:
    """The innermost function in which a name is read."""
    around = None
    for node in cell.functions:
        if node.lineno <= name.lineno <= (node.end_lineno or 0):
            around = node
    return around


@lru_cache(maxsize=64)
def _given(function: ast.FunctionDef) -> Mapping[str, int]:
    """By name the power of the batch size in the products that a function gives names to, each once."""
    found: dict[str, int] = {}
    for node in syntax.descendants(function):
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for name in (target.id for target in targets if isinstance(target, ast.Name)):
                once = name not in found and isinstance(node.value, ast.BinOp) and not isinstance(node, ast.AugAssign)
                found[name] = _power(node.value) if once else 0
    return MappingProxyType(found)


def _power(value: ast.expr | None) -> int:
    if isinstance(value, ast.BinOp) and isinstance(value.op, _FACTORS):
        right = _power(value.right)
        return _power(value.left) + (right if isinstance(value.op, ast.Mult) else -right)
    name = value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")
    # One letter among the factors of a number may be any of them.
    return int(len(name) > 1 and is_batch_size(name))
