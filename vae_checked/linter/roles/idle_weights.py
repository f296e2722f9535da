"""Weights of the KL that code computes and hands to nothing: a schedule that is printed, or passed nowhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vae_checked.linter.files import syntax
from vae_checked.linter.roles import scoped_names
from vae_checked.linter.roles.shown import uses, whole
from vae_checked.mathematics.names import is_kl_weight

if TYPE_CHECKING:
    from vae_checked.linter.evaluations.evaluation import Evaluation
    from vae_checked.linter.symbols.values import Module

_APART = (*syntax.DEFINITIONS, ast.ClassDef, ast.Lambda)
_FUNCTIONS = (*syntax.DEFINITIONS, ast.Lambda)
_SHARED = (ast.Global, ast.Nonlocal)
# What hands over all local values by their names.
_ALL = frozenset(("locals", "globals", "vars", "eval", "exec"))


def are_computed_for_nothing(evaluation: Evaluation) -> bool:
    """Whether the code that was run computes a weight of the KL that is at most shown.

    A number that is written down may be there to be imported, or as what the default is: it is no schedule.
    """
    return any(module.read_once(_idle) for module in evaluation.modules() if module is evaluation.module) or any(
        function.node in function.scope.module.read_once(_idle_functions) for function in evaluation.functions()
    )


def _idle(module: Module) -> bool:
    """Whether the statements of a file outside of its functions do so."""
    return _computes_for_nothing(module.read_once(whole))


def _idle_functions(module: Module) -> frozenset[ast.AST]:
    """The functions of a file that do so."""
    functions = (node for kind in syntax.DEFINITIONS for node in module.file.of(kind))
    return frozenset(function for function in functions if _computes_for_nothing(function))


def _computes_for_nothing(body: ast.AST) -> bool:
    names = {name for name, value in _given(body) if is_kl_weight(name) and not isinstance(value, ast.Constant)}
    if not names:
        return False
    nodes = [*syntax.descendants(body)]
    if any(isinstance(node, ast.Name) and node.id in _ALL for node in nodes):
        return False
    shared = {name for node in nodes if isinstance(node, _SHARED) for name in node.names}
    return any(not _is_read(name, body) for name in names - shared)


def _given(body: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The names that a body gives a value itself, with that."""
    left = syntax.children(body)
    while left:
        node = left.pop()
        if isinstance(node, _APART):
            continue
        if isinstance(node, ast.Assign):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, (ast.AugAssign, ast.AnnAssign)) and isinstance(node.target, ast.Name):
            yield from [(node.target.id, node.value)] if node.value is not None else []
        left += syntax.children(node)


def _is_read(name: str, body: ast.AST) -> bool:
    """Whether a name is read for more than to show it, or to make its own next value."""
    apart: set[int] = set()
    for node in syntax.descendants(body):
        is_another = isinstance(node, _FUNCTIONS) and node is not body and name in scoped_names.own(node)
        if is_another or name in _made_by(node):
            apart |= {id(each) for each in syntax.descendants(node)}
    return any(id(read) not in apart for read in uses(name, body)[1])


def _made_by(node: ast.AST) -> set[str]:
    """The names alone that a statement gives a value."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    if not isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
        return set()
    return {target.id for target in targets if isinstance(target, ast.Name)}
