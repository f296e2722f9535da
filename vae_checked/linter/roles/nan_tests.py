"""Code that asks of a value whether it is NaN, or finite."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from vae_checked.linter.files import syntax
from vae_checked.linter.symbols.values import Function, Module

_TESTS = frozenset(("isnan", "isfinite", "isinf"))


def test_for_nan(functions: Iterable[Function]) -> bool:
    """Whether one of some functions asks it: by name, or by a comparison of a value with itself."""
    return any(id(function.node) in function.scope.module.read_once(_asking) for function in functions)


def _asking(module: Module) -> frozenset[int]:
    """The ids of the nodes of the functions of a file that ask."""
    nodes = (node for cell in module.file.cells for node in syntax.descendants(cell.tree))
    functions = (node for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)))
    return frozenset(id(node) for node in functions if any(map(_asks, syntax.descendants(node))))


def _asks(node: ast.AST) -> bool:
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
        return ast.dump(node.left) == ast.dump(node.comparators[0])
    return (isinstance(node, ast.Name) and node.id in _TESTS) or (
        isinstance(node, ast.Attribute) and node.attr in _TESTS
    )
