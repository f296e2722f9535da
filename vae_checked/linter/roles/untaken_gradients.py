"""Gradients that no step takes: a loss is differentiated, and the optimizer is only asked to clear what that gives."""

from __future__ import annotations

import ast

from vae_checked.facts import Fact, Ungiven
from vae_checked.linter.files import syntax
from vae_checked.linter.roles.erased_gradients import differentiations
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.unstepped import unstepped
from vae_checked.linter.symbols.expression import Site
from vae_checked.linter.symbols.values import Module
from vae_checked.linter.torch_model.optimizers import NAMES, is_schedule

# What takes a gradient where it lies, or hands parameters to what may move them.
_TAKING = frozenset("grad grads add_ sub_ copy_ addcmul_ lerp_ set_ prepare fit minimize closure".split())


def untaken(losses: Losses) -> Fact[Ungiven] | None:
    """Where an optimizer clears the gradients of a loss in the block that differentiates it, and nothing ever steps.

    All optimizers of the code are of that kind, and nothing in it steps by its name or takes a gradient by itself.
    """
    idle = losses.evaluation.read_once(unstepped)
    modules = losses.evaluation.modules()
    if not idle or any(module.read_once(_may_move) for module in modules):
        return None
    made = [call for module in modules for call in module.read_once(_optimizers)]
    if not made or not all(call in idle for call in made):
        return None
    for source, block, place in losses.read_once(differentiations):
        names = {
            ast.unparse(target) for node in source.cell.of(ast.Assign) if node.value in made for target in node.targets
        }
        for statement in (*block[place + 1 :], *block[:place]):
            call, owner = _clears(statement)
            if call is not None and owner in names:
                return Fact(Ungiven.UNTAKEN, Site(source, call).origin)
    return None


def _clears(statement: ast.stmt) -> tuple[ast.Call | None, str]:
    """The call of `zero_grad` that a statement is, and what it is asked of."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "zero_grad":
        return call, ast.unparse(call.func.value)
    return None, ""


def _optimizers(module: Module) -> list[ast.Call]:
    return [call for call in module.file.of(ast.Call) if syntax.called(call) in NAMES]


def _may_move(module: Module) -> bool:
    """Whether a file names anything that may move parameters: what steps by its name, or takes gradients itself."""
    # A method that is named and not called, as `optimizer.step`, moves nothing.
    named = {id(node.value) for node in module.file.of(ast.Expr)}
    for node in module.file.of(ast.Attribute):
        if node.attr in _TAKING or ("step" in node.attr and id(node) not in named and not is_schedule(node.value)):
            return True
    return any("step" in syntax.called(call) for call in module.file.of(ast.Call) if isinstance(call.func, ast.Name))
