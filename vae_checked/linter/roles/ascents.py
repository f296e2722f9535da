"""Training that climbs: an optimizer that is set to maximise, or gradients that code turns round or adds by hand."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from vae_checked.linter.files import syntax
from vae_checked.linter.roles.written_factors import SCALING_IN_PLACE

if TYPE_CHECKING:
    from vae_checked.linter.evaluations.evaluation import Evaluation
    from vae_checked.linter.symbols.values import Module

_SCALED_IN_PLACE = SCALING_IN_PLACE | {"copy_"}
_OPTION = "maximize"
_TURNED_IN_PLACE = frozenset(("neg_", "negative_"))
_TURNING = frozenset(("neg", "negative"))
_ADDING = 2
_MAKING = frozenset(("tensor", "as_tensor", "ones", "ones_like", "full", "full_like"))


def climbs(evaluation: Evaluation) -> bool:
    """Whether a file of an evaluation has what makes a step go where a loss is larger, or may."""
    return any(module.read_once(_climbs_by_hand) or module.read_once(_maximises) for module in evaluation.modules())


def _maximises(module: Module) -> bool:
    """Whether an optimizer is asked to: by a keyword, by an entry of its options, or by one that is set later."""
    asked = [each.value for each in module.file.of(ast.keyword) if each.arg == _OPTION]
    for table in module.file.of(ast.Dict):
        asked += [value for key, value in zip(table.keys, table.values, strict=True) if _is_option(key)]
    for given in module.file.of(ast.Assign):
        asked += [given.value for each in given.targets if isinstance(each, ast.Subscript) and _is_option(each.slice)]
    return any(not isinstance(value, ast.Constant) or bool(value.value) for value in asked)


def _is_option(key: ast.expr | None) -> bool:
    return isinstance(key, ast.Constant) and key.value == _OPTION


def _climbs_by_hand(module: Module) -> bool:
    calls = (call for call in module.file.of(ast.Call) if _turns_by_call(call))
    if any(calls):
        return True
    if any(
        _is_gradient(target) and _turns(each.value) for each in module.file.of(ast.Assign) for target in each.targets
    ):
        return True
    return any(map(_turns_in_place, module.file.of(ast.AugAssign)))


def _turns_by_call(call: ast.Call) -> bool:
    name, owner = syntax.called(call), call.func.value if isinstance(call.func, ast.Attribute) else None
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    if any(keyword.arg == "lr" and isinstance(keyword.value, ast.UnaryOp) for keyword in call.keywords):
        return True
    if name in ("backward", "grad"):
        # What a helper is handed first may be the loss itself.
        return any(_turns(each) for index, each in enumerate(given) if index or _is_made_up(each))
    if name == "register_hook":
        return any(map(_turns, given))
    if owner is None:
        return False
    if _is_gradient(owner):
        return name in _TURNED_IN_PLACE or (name in _SCALED_IN_PLACE and any(map(_turns, given)))
    climbs = any(map(_has_gradient, given)) and not any(map(_turns, given))
    return name == "add_" and climbs and (len(given) == _ADDING or any(isinstance(each, ast.BinOp) for each in given))


def _is_made_up(node: ast.expr) -> bool:
    """Whether a tensor of a number is made: the gradient that a loss is taken to have."""
    while isinstance(node, (ast.UnaryOp, ast.BinOp)):
        node = node.operand if isinstance(node, ast.UnaryOp) else node.left
    return isinstance(node, ast.Call) and syntax.called(node) in _MAKING


def _turns_in_place(statement: ast.AugAssign) -> bool:
    if _is_gradient(statement.target):
        return isinstance(statement.op, (ast.Mult, ast.Div)) and _turns(statement.value)
    added = isinstance(statement.op, ast.Add) and isinstance(statement.value, ast.BinOp)
    return added and _has_gradient(statement.value) and not _turns(statement.value)


def _is_gradient(node: ast.expr) -> bool:
    """`p.grad`, `p.grad.data`."""
    return isinstance(node, ast.Attribute) and (
        node.attr == "grad" or (node.attr == "data" and _is_gradient(node.value))
    )


def _has_gradient(node: ast.expr) -> bool:
    return any(isinstance(each, ast.Attribute) and each.attr == "grad" for each in syntax.descendants(node))


def _turns(node: ast.expr) -> bool:
    """Whether something of the other sign is made, as far as it is written."""
    return any(
        (isinstance(each, ast.UnaryOp) and isinstance(each.op, ast.USub))
        or (isinstance(each, ast.Call) and syntax.called(each) in _TURNING)
        for each in syntax.descendants(node)
    )
