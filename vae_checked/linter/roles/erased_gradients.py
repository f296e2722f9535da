"""Gradients that are erased between `backward` and the step that would take them: nothing is trained by them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from vae_checked.facts import Fact
from vae_checked.linter.files.source import Cell
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.symbols.expression import Site

# What may stand between the two, and differentiates nothing: it shows or keeps numbers, or clips what there is.
_HARMLESS = frozenset(
    "item detach cpu numpy float int str len print append update log info debug write add_scalar set_postfix "
    "set_description clip_grad_norm_ clip_grad_value_".split()
)


def erased(losses: Losses) -> Fact[bool] | None:
    """Where an optimizer's `zero_grad()` stands after a `backward()` and before its own `step()`; None elsewhere.

    The three are statements of one block, in this order, with nothing between them that may differentiate anew.
    """
    for root in losses.evaluation.observations.roots:
        if root.kind == "backward":
            for block in _blocks(root.site.source.cell):
                call = _erasing(block, root.site.node)
                if call is not None:
                    return Fact(True, Site(root.site.source, call).origin)
    return None


def _blocks(cell: Cell) -> Iterator[list[ast.stmt]]:
    for node in (cell.tree, *cell.nodes):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                yield block


def _erasing(block: list[ast.stmt], loss: ast.AST) -> ast.Call | None:
    """The call that erases the gradient of `loss`, differentiated in this block, before the same optimizer's step."""
    place = next((index for index, each in enumerate(block) if _owner(each) is loss), None)
    cleared: dict[str, ast.Call] = {}
    for statement in block[place + 1 :] if place is not None else ():
        call = _call(statement)
        method = call.func if call is not None and isinstance(call.func, ast.Attribute) else None
        if call is not None and method is not None and method.attr == "zero_grad":
            cleared[ast.unparse(method.value)] = call
        elif call is not None and method is not None and method.attr == "step" and not call.args:
            # A step of another optimizer takes what this loss gave.
            return cleared.get(ast.unparse(method.value))
        elif any(_name(each) not in _HARMLESS for each in ast.walk(statement) if isinstance(each, ast.Call)):
            return None
    return None


def _call(statement: ast.stmt) -> ast.Call | None:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return value if isinstance(value, ast.Call) else None


def _owner(statement: ast.stmt) -> ast.expr | None:
    """What a method is called of, as the loss of its `backward()`."""
    call = _call(statement)
    return call.func.value if call is not None and isinstance(call.func, ast.Attribute) else None


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
