"""The value of a formula of one name, as somebody wrote it: `0.5 * torch.exp(logvar)`."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from contextlib import suppress

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "exp": math.exp, "sqrt": math.sqrt, "log": math.log, "abs": abs, "square": lambda x: x * x,
}  # fmt: skip
_OF_TWO: dict[str, Callable[[float, float], float]] = {
    "mul": operator.mul, "multiply": operator.mul, "div": operator.truediv, "add": operator.add, "pow": operator.pow,
}  # fmt: skip


def only_name(formula: str, modules: frozenset[str]) -> str | None:
    """The one name in a formula beside those of `modules`; None where there are more, or none."""
    with suppress(SyntaxError, ValueError):
        names = {each.id for each in ast.walk(ast.parse(formula, mode="eval")) if isinstance(each, ast.Name)} - modules
        return next(iter(names)) if len(names) == 1 else None
    return None


def value_of(formula: str, name: str, value: float) -> float | None:
    """What a formula comes to where `name` has a value; None where it is made of more than this reads."""
    with suppress(SyntaxError, ValueError, ArithmeticError):
        return _value(ast.parse(formula, mode="eval").body, name, value)
    return None


def _value(node: ast.expr, name: str, value: float) -> float | None:
    if isinstance(node, ast.Name):
        return value if node.id == name else None
    if isinstance(node, ast.Constant):
        return float(node.value) if isinstance(node.value, (int, float)) else None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _value(node.operand, name, value)
        return None if inner is None else -inner
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _of_two(_OPERATORS[type(node.op)], (node.left, node.right), name, value)
    if not isinstance(node, ast.Call) or node.keywords or not isinstance(node.func, (ast.Attribute, ast.Name)):
        return None
    called = node.func.attr.rstrip("_") if isinstance(node.func, ast.Attribute) else node.func.id
    given = [*node.args]
    if isinstance(node.func, ast.Attribute) and _value(node.func.value, name, value) is not None:
        given.insert(0, node.func.value)
    if len(given) == 1 and called in _FUNCTIONS:
        inner = _value(given[0], name, value)
        return None if inner is None else _FUNCTIONS[called](inner)
    return _of_two(_OF_TWO[called], (given[0], given[1]), name, value) if len(given) > 1 and called in _OF_TWO else None


def _of_two(
    function: Callable[[float, float], float], of: tuple[ast.expr, ast.expr], name: str, value: float
) -> float | None:
    left, right = (_value(each, name, value) for each in of)
    return None if left is None or right is None else function(left, right)
