"""How the factors of a product or a quotient are written: by which names, and which of them have one."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING

from vae_checked.linter.files import syntax
from vae_checked.linter.roles import batch_sizes
from vae_checked.linter.symbols.expression import Expr

if TYPE_CHECKING:
    from vae_checked.linter.files.source import Cell

_SCALING_METHODS = frozenset("mul multiply div divide true_divide".split())
SCALING_IN_PLACE = frozenset(f"{name}_" for name in _SCALING_METHODS)
_OF_TWO = 2


def operand(node: Expr, index: int) -> ast.expr | None:
    """An argument of a product or a quotient as it is written; None where that is neither operation nor method."""
    written = node.site.node if node.site is not None else None
    if isinstance(written, ast.BinOp):
        return written.left if index == 0 else written.right
    if not isinstance(written, ast.Call) or not isinstance(written.func, ast.Attribute):
        return None
    if written.func.attr.rstrip("_") not in _SCALING_METHODS:
        return None
    of_tensor = (written.func.value, *written.args)
    operands = tuple(written.args) if len(written.args) == _OF_TWO else of_tensor
    return operands[index] if len(operands) == _OF_TWO else None


def text(node: Expr, index: int) -> str:
    """An argument of a product as it is written, empty where that is not read."""
    written = operand(node, index)
    return "" if written is None else written.id if isinstance(written, ast.Name) else ast.unparse(written)


def is_named(node: Expr, index: int) -> bool:
    """Whether a number is written as something else than a number: a weight that has a name and a known value."""
    written = operand(node, index)
    if written is None or isinstance(written, ast.Constant):
        return False
    if isinstance(written, ast.Name) and node.site is not None and _is_local(written, node.site.source.cell):
        return False
    nodes = list(syntax.descendants(written))
    functions = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    return any(
        isinstance(node, (ast.Name, ast.Attribute)) and id(node) not in functions and not _is_constant(node)
        for node in nodes
    )


def _is_local(name: ast.Name, cell: Cell) -> bool:
    """Whether a name is given a number in the function in which it is read: a number in another place, no setting."""
    around = batch_sizes.function_around(name, cell)
    return around is not None and name.id in _numbers_of(around)


@lru_cache(maxsize=64)
def _numbers_of(function: syntax.Definition) -> frozenset[str]:
    """The names that are given a number in a function."""
    given = (
        node
        for node in syntax.descendants(function)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    )
    return frozenset(getattr(target, "id", "") for node in given for target in node.targets)


def _is_constant(node: ast.expr) -> bool:
    """Whether a name is that of a module or of a mathematical constant."""
    return getattr(node, "attr", "") in ("pi", "e") or getattr(node, "id", "") in ("math", "np", "numpy", "torch")
