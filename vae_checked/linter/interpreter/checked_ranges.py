"""Checks of data, as `assert x.max() <= 1`: where they pass, the data lie elsewhere than they seem to."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.symbols.asked_data import of_unknown_range
from vae_checked.linter.symbols.expression import Expr, walk
from vae_checked.linter.symbols.intervals import interval_of
from vae_checked.linter.symbols.values import Scope, number_of

_ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
# What asks how many numbers there are, and not which ones.
_OF_SHAPE = frozenset("shape ndim dim size numel nelement len".split())
# What a network gives has the range that its last layer gives it, whatever is asserted.
_MADE = frozenset(("layer", "weight", "parameter", "noise"))


def leave_open(context: Context, test: ast.expr, scope: Scope) -> None:
    """Leave the range open of the data of which a check asks that they lie in a part of it alone."""
    for compared in _compared(test):
        sides = (number_of(context.eval(side, scope)) for side in (compared.left, *compared.comparators))
        ends = [end for end in sides if end is not None]
        for name in {each.id for each in _asked(compared)}:
            value = scope.names.get(name)
            if isinstance(value, Expr) and _is_cut(value, ends):
                scope.names[name] = of_unknown_range(value)


def _is_cut(value: Expr, ends: Sequence[float]) -> bool:
    """Whether data lie on both sides of one of some numbers, as far as they were read, or these are not known."""
    interval = interval_of(value)
    if interval is None or any(node.op in _MADE for node in walk(value)):
        return False
    return not ends or any(interval.low < end < interval.high for end in ends)


def _compared(test: ast.expr) -> Iterator[ast.Compare]:
    for node in ast.walk(test):
        if isinstance(node, ast.Compare) and any(isinstance(each, _ORDERS) for each in node.ops):
            yield node


def _asked(compared: ast.Compare) -> Iterator[ast.Name]:
    """The names of which a comparison asks the numbers."""
    stack: list[ast.AST] = [compared]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Name):
            yield node
        elif not _is_of_shape(node):
            stack += ast.iter_child_nodes(node)


def _is_of_shape(node: ast.AST) -> bool:
    called = node.func if isinstance(node, ast.Call) else node
    name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
    return name in _OF_SHAPE
