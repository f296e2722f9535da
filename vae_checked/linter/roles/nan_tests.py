"""Code that asks of a value whether it is NaN, or finite, and what it puts in its place."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from vae_checked.linter.files import syntax
from vae_checked.linter.symbols.expression import PASSED, Expr, called_name, strip
from vae_checked.linter.symbols.values import Function, Module

_TESTS = frozenset(("isnan", "isfinite", "isinf"))
# Calls that make one answer of several.
_LOGIC = frozenset("any all bool item And Or not Not sum logical_or logical_and logical_not max float int".split())
# Calls by which whoever trains is warned, and statements that end what was going on.
_TELLING = frozenset(
    "print log log_dict warn warning error info debug critical exception write add_scalar alert set_trace".split()
)


_ASKING: tuple[type[ast.AST], ...] = (ast.Compare, ast.Name, ast.Attribute)
_FUNCTIONS: tuple[type[ast.AST], ...] = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def test_for_nan(functions: Iterable[Function]) -> bool:
    """Whether one of some functions asks it: by name, or by a comparison of a value with itself."""
    return any(id(function.node) in function.scope.module.read_once(_asking) for function in functions)


def _asking(module: Module) -> frozenset[int]:
    """The ids of the nodes of the functions of a file that ask."""
    if not any(_asks(node) for kind in _ASKING for node in module.file.of(kind)):
        return frozenset()
    functions = (node for kind in _FUNCTIONS for node in module.file.of(kind))
    return frozenset(id(node) for node in functions if any(map(_asks, syntax.descendants(node))))


def _asks(node: ast.AST) -> bool:
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
        left, right = node.left, node.comparators[0]
        return left.__class__ is right.__class__ and ast.dump(left) == ast.dump(right)
    return (isinstance(node, ast.Name) and node.id in _TESTS) or (
        isinstance(node, ast.Attribute) and node.attr in _TESTS
    )


def asked_of(condition: Expr) -> Iterator[Expr]:
    """The values of which a condition asks whether they are NaN, or finite: it, not what they are computed from."""
    stack, seen = [condition], set[int]()
    while stack:
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        if node.op not in ("opaque", "call") or not node.args:
            stack.extend(node.args if node.op in PASSED else ())
            continue
        name = str(node.get("name"))
        given = strip(node.args[0])
        with_itself = name in ("compare:NotEq", "compare:Eq") and strip(node.args[1]).uid == given.uid
        if with_itself or name.rpartition(".")[2] in _TESTS:
            yield given
        elif name.startswith("compare:") or called_name(node) in _LOGIC:
            stack.extend(node.args)


def is_told(choice: Expr) -> bool:
    """Whether somebody is warned, or the training stopped, in a branch that a condition chooses."""
    condition = choice.args[0].site
    if condition is None:
        return True
    around = (node for node in condition.source.cell.nodes if isinstance(node, ast.If))
    branch = next((node for node in around if node.test is condition.node), None)
    return branch is not None and any(map(_tells, syntax.descendants(branch)))


def _tells(node: ast.AST) -> bool:
    if isinstance(node, (ast.Raise, ast.Assert)):
        return True
    if not isinstance(node, ast.Call):
        return False
    return syntax.called(node) in _TELLING
