"""The value of a formula of one name, as somebody wrote it: `0.5 * torch.exp(logvar)`."""

from __future__ import annotations

import ast
from contextlib import suppress

from vae_checked.mathematics.ops import FUNCTIONS_BY_NAME

_OPERATORS: dict[type[ast.operator | ast.unaryop], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow", ast.USub: "neg",
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
    if isinstance(node, ast.UnaryOp):
        return _applied(_OPERATORS.get(type(node.op), ""), [_value(node.operand, name, value)])
    if isinstance(node, ast.BinOp):
        sides = [_value(node.left, name, value), _value(node.right, name, value)]
        return _applied(_OPERATORS.get(type(node.op), ""), sides)
    if not isinstance(node, ast.Call) or node.keywords:
        return None
    given = [_value(each, name, value) for each in node.args]
    if isinstance(node.func, ast.Name):
        return _applied(node.func.id, given)
    if not isinstance(node.func, ast.Attribute):
        return None
    # A method is given what it is called on, a function of a module is not.
    owner = _value(node.func.value, name, value)
    return _applied(node.func.attr.rstrip("_"), given if owner is None else [owner, *given])


def _applied(called: str, given: list[float | None]) -> float | None:
    """What an operation makes of numbers, all of which are known; None of one that is set by more than these."""
    operation = FUNCTIONS_BY_NAME.get(called)
    if operation is None or operation.value is None or operation.node_parameters or None in given:
        return None
    return operation.value(*given) if len(given) == len(operation.arguments_of_a_node) else None
