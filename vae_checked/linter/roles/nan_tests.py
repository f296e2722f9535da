"""Code that asks of a value whether it is NaN, or finite."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from vae_checked.linter.files import syntax
from vae_checked.linter.symbols.values import Function

_TESTS = frozenset(("isnan", "isfinite", "isinf"))


def test_for_nan(functions: Iterable[Function]) -> bool:
    """Whether one of some functions asks it: by name, or by a comparison of a value with itself."""
    return any(_asks(node) for function in functions for node in syntax.descendants(function.node))


def _asks(node: ast.AST) -> bool:
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
        return ast.dump(node.left) == ast.dump(node.comparators[0])
    return (isinstance(node, ast.Name) and node.id in _TESTS) or (
        isinstance(node, ast.Attribute) and node.attr in _TESTS
    )
