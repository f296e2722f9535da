"""Loops of unknown length: the last turn decides what ends a network, and code tells it by its number."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter import parts
from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.symbols.expression import Expr
from vae_checked.linter.symbols.turns import any_turn, first_of, last_of
from vae_checked.linter.symbols.values import Scope, is_number

# What can be evaluated once more without doing anything.
_PURE = (ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Constant, ast.UnaryOp, ast.BinOp, ast.List, ast.Tuple,
         ast.operator, ast.unaryop, ast.expr_context)  # fmt: skip


def first_and_last(
    context: Context, node: ast.For | ast.AsyncFor, scope: Scope
) -> tuple[ast.expr, tuple[Expr, Expr]] | None:
    """The index of a loop and its numbers in the first and in the last turn, where the body asks which turn it is.

    None where the number of turns is known, where it is not known, and where nothing depends on it.
    """
    index, over = _index(node)
    if index is None or not _asks(node.body, index.id):
        return None
    sizes = [_turns(context, item, scope) for item in over]
    known = next((size for size in sizes if size is not None), None)
    if known is None:
        return None
    last = last_of(known, context.site(node.iter))
    return index, (first_of(_start(over[0]), last), last)


def picks_a_kind(context: Context, node: ast.For | ast.AsyncFor, scope: Scope) -> bool:
    """Whether a loop picks, by its number, one of several layers or objects that are not of one kind."""
    return isinstance(node.target, ast.Name) and _picks_a_kind(context, node.body, node.target.id, scope)


def _picks_a_kind(context: Context, body: Sequence[ast.stmt], name: str, scope: Scope) -> bool:
    picks = (node for statement in body for node in syntax.descendants(statement) if isinstance(node, ast.Subscript))
    return any(
        parts.holds_kinds(context.eval(node.value, scope))
        for node in picks
        if any(isinstance(each, ast.Name) and each.id == name for each in ast.walk(node.slice))
        and all(isinstance(each, _PURE) for each in ast.walk(node.value))
    )


def count_any_turn(context: Context, node: ast.While, scope: Scope) -> None:
    """Give the names by which a loop counts its turns, and picks layers, the number of a turn that stands for all."""
    counted = {
        item.target.id
        for statement in node.body
        for item in syntax.descendants(statement)
        if isinstance(item, ast.AugAssign) and isinstance(item.target, ast.Name)
    }
    for name in sorted(counted):
        if is_number(scope.names.get(name)) and _picks_a_kind(context, node.body, name, scope):
            scope.names[name] = any_turn(context.site(node))


def _index(node: ast.For | ast.AsyncFor) -> tuple[ast.Name | None, list[ast.expr]]:
    """The name that counts the turns, and what is gone through: one thing, or several at a time."""
    call = node.iter
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.keywords or not call.args:
        return None, []
    target: ast.expr = node.target
    if call.func.id == "enumerate" and len(call.args) == 1 and isinstance(target, ast.Tuple):
        target, over = target.elts[0], call.args[0]
        zipped = isinstance(over, ast.Call) and isinstance(over.func, ast.Name) and over.func.id == "zip"
        many = over.args if isinstance(over, ast.Call) and zipped else [over]
        return (target, many) if isinstance(target, ast.Name) else (None, [])
    if call.func.id == "range" and len(call.args) <= 2 and isinstance(target, ast.Name):
        return target, [call]
    return None, []


def _asks(body: Sequence[ast.stmt], name: str) -> bool:
    """Whether a comparison in a loop's body asks for the number of the turn."""
    return any(
        isinstance(item, ast.Name) and item.id == name
        for statement in body
        for node in syntax.descendants(statement)
        if isinstance(node, ast.Compare)
        for item in syntax.descendants(node)
    )


def _start(over: ast.expr) -> float:
    """The number from which a loop counts; one that is not written is no less than 0."""
    if isinstance(over, ast.Call) and len(over.args) == 2 and isinstance(over.args[0], ast.Constant):
        value = over.args[0].value
        return float(value) if isinstance(value, int) else 0.0
    return 0.0


def _turns(context: Context, over: ast.expr, scope: Scope) -> Expr | None:
    """How often a loop goes round, one more than its last number: None where that is a known number."""
    if isinstance(over, ast.Call):
        counts = isinstance(over.func, ast.Name) and over.func.id == "range"
        value = context.eval(over.args[-1], scope) if counts else None
        return value if isinstance(value, Expr) and value.op != "const" else None
    if not all(isinstance(item, _PURE) for item in ast.walk(over)):
        return None
    length = parts.length(context.eval(over, scope), context.site(over))
    return length if isinstance(length, Expr) and length.op == "size" else None
