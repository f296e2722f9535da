"""Parts that code takes out of training: of an encoder that learns nothing any more no loss needs the KL."""

from __future__ import annotations

import ast
import re

from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.symbols.values import Module

_FLAG = "requires_grad"
# Parts that are frozen by turns, or that only judge what is decoded.
_JUDGES = re.compile(r"disc|critic|netD|lpips|vgg|percep|classif|inception|resnet", re.IGNORECASE)


def freezes(evaluation: Evaluation) -> bool:
    """Whether a file of an evaluation takes the parameters of anything but a judge out of training."""
    return any(module.read_once(_freezes) for module in evaluation.modules())


def _freezes(module: Module) -> bool:
    return any(
        _JUDGES.search(owner) is None for cell in module.file.cells for node in cell.nodes for owner in _frozen(node)
    )


def _frozen(node: ast.AST) -> list[str]:
    """What a node takes out of training, as it is written: in a loop over its parameters, or as a whole."""
    if isinstance(node, (ast.For, ast.AsyncFor)):
        inside = [item for statement in node.body for item in ast.walk(statement)]
        return [ast.unparse(node.iter)] if any(map(_is_switched_off, inside)) else []
    is_whole = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == f"{_FLAG}_"
    return [ast.unparse(node.func)] if is_whole and isinstance(node, ast.Call) and _is_false(node.args[:1]) else []


def _is_switched_off(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign):
        flags = [each for each in node.targets if isinstance(each, ast.Attribute) and each.attr == _FLAG]
        return bool(flags) and _is_false([node.value])
    called = node.func if isinstance(node, ast.Call) else None
    is_flag = isinstance(called, ast.Attribute) and called.attr == f"{_FLAG}_"
    return is_flag and isinstance(node, ast.Call) and _is_false(node.args[:1])


def _is_false(values: list[ast.expr]) -> bool:
    return any(isinstance(value, ast.Constant) and value.value is False for value in values)
