"""What else than the mode of a model may switch a dropout off: a setting that code sets, and who holds its module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache

from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import Cell
from vae_checked.linter.roles.batch_sizes import function_around
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.symbols.expression import Expr
from vae_checked.linter.symbols.registered import layers_of
from vae_checked.linter.symbols.values import Instance, Layer, Sequence

# What a condition may ask without asking who calls: of which kind something is, and how many there are.
_OF_KINDS = frozenset("isinstance len hasattr getattr range int float bool".split())
_RUN = frozenset(("forward", "__call__"))


def may_be_switched(losses: Losses, node: Expr, rate: ast.expr | None) -> bool:
    """Whether a dropout stands under a condition that code may set otherwise, or has a rate that it may.

    By an argument that some call hands over, by an attribute that something else than `__init__` sets, or by whatever
    else is asked: no evaluation of it need be written where the model is.
    """
    written = None if node.site is None else node.site.node
    if node.site is None or not isinstance(written, ast.expr):
        return False
    around = function_around(written, node.site.source.cell)
    if around is None:
        return False
    asked = [*_conditions(around, written), *([] if rate is None else [rate])]
    return any(_may_be_set(each, around, losses.evaluation) for each in asked)


def is_held(losses: Losses, node: Expr) -> bool:
    """Whether a model holds the module of a dropout, so that `eval()` reaches it; a plain list or a global does not."""
    return node.get("serial") in losses.evaluation.read_once(_held)


def _held(evaluation: Evaluation) -> frozenset[object]:
    values = [root.function.bound for root in evaluation.observations.roots if root.function is not None]
    values += [value for module in evaluation.modules() for value in module.scope.names.values()]
    owners = {id(value): value for value in values if isinstance(value, (Instance, Sequence))}
    return frozenset(
        layer.serial for owner in owners.values() for layer in layers_of(owner) if isinstance(layer, Layer)
    )


def _conditions(function: syntax.Definition, written: ast.expr) -> Iterator[ast.expr]:
    """What has to hold where something is written in a function, or where nothing has left it before."""
    for node in _choices(function):
        if isinstance(node, ast.IfExp) and any(syntax.holds(each, written) for each in (node.body, node.orelse)):
            yield node.test
        elif isinstance(node, ast.If):
            branches = [*node.body, *node.orelse]
            leaves = any(isinstance(each, ast.Return) for each in branches) and node.lineno < written.lineno
            if leaves or any(syntax.holds(each, written) for each in branches):
                yield node.test


@lru_cache(maxsize=64)
def _choices(function: syntax.Definition) -> tuple[ast.If | ast.IfExp, ...]:
    return tuple(node for node in syntax.descendants(function) if isinstance(node, (ast.If, ast.IfExp)))


def _may_be_set(asked: ast.expr, around: syntax.Definition, evaluation: Evaluation) -> bool:
    spec = around.args
    given = [each.arg for each in (*spec.posonlyargs, *spec.args)]
    by_name = [each.arg for each in spec.kwonlyargs]
    for node in ast.walk(asked):
        if isinstance(node, ast.Call) and syntax.called(node) not in _OF_KINDS:
            return True
        if isinstance(node, ast.Attribute) and _is_set_later(node.attr, evaluation):
            return True
        if isinstance(node, ast.Name) and node.id in (*given[1:], *by_name):
            place = given.index(node.id) - 1 if node.id in given else None
            if _is_handed(node.id, place, around, evaluation):
                return True
    return False


def _is_set_later(name: str, evaluation: Evaluation) -> bool:
    """Whether an attribute is set by anything but an `__init__`."""
    cells = (cell for module in evaluation.modules() for cell in module.file.cells)
    return any(name in cell.read_once(_set_later) for cell in cells)


def _set_later(cell: Cell) -> frozenset[str]:
    stored = [node for node in cell.of(ast.Attribute) if isinstance(node.ctx, ast.Store)]
    around = ((node.attr, function_around(node, cell)) for node in stored)
    return frozenset(name for name, function in around if function is None or function.name != "__init__")


def _is_handed(name: str, place: int | None, function: syntax.Definition, evaluation: Evaluation) -> bool:
    """Whether a call hands an argument over, by its name or place, that is more than handed on from a caller's own."""
    for module in evaluation.modules():
        calls = (node for cell in module.file.cells for node in cell.nodes if isinstance(node, ast.Call))
        for call in calls:
            values = [keyword.value for keyword in call.keywords if keyword.arg == name]
            if place is not None and (function.name in _RUN or syntax.called(call) == function.name):
                # A module is run by whatever name it has: a truth value in that place is meant for it.
                values += [each for each in call.args[place : place + 1] if function.name not in _RUN or _is_flag(each)]
            if any(not (isinstance(each, ast.Name) and each.id == name) for each in values):
                return True
    return False


def _is_flag(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, bool)
