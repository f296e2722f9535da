"""Optimizers that nothing steps: what they hold is held by none that moves it."""

from __future__ import annotations

import ast

from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import Cell
from vae_checked.linter.torch_model.optimizers import NAMES

# What is asked of an optimizer and moves no parameter.
_IDLE = frozenset("zero_grad param_groups state_dict load_state_dict state defaults".split())
_SHOWING = frozenset(("print", "unscale_", "isinstance", "id"))
_SCHEDULES = ("LR", "ReduceLROnPlateau", "WarmRestarts")


def unstepped(evaluation: Evaluation) -> frozenset[ast.AST]:
    """The calls that make an optimizer of one name which, wherever it is read, is asked for nothing that moves.

    What it is handed to may step it, but for a schedule of the learning rate; so may whoever has it from a list.
    """
    cells = [cell for module in evaluation.modules() for cell in module.file.cells]
    used = frozenset[str]().union(*(cell.read_once(_used) for cell in cells))
    made = [(call, name) for cell in cells for call, name in cell.read_once(_made)]
    return frozenset(call for call, name in made if name not in used)


def _leaves_all(call: ast.Call) -> bool:
    """Whether a call leaves what an optimizer that it is handed holds as it is: a schedule of torch's kind."""
    name = syntax.called(call)
    if name in _SHOWING or name.endswith(_SCHEDULES) or (name.startswith("get_") and "schedule" in name):
        return True
    return isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value).endswith("lr_scheduler")


def _made(cell: Cell) -> list[tuple[ast.AST, str]]:
    """The optimizers that are given one name or attribute, with that."""
    given = [(node.value, node.targets[0]) for node in cell.of(ast.Assign) if len(node.targets) == 1]
    return [
        (call, target.id if isinstance(target, ast.Name) else target.attr)
        for call, target in given
        if isinstance(call, ast.Call) and syntax.called(call) in NAMES and isinstance(target, (ast.Name, ast.Attribute))
    ]


def _used(cell: Cell) -> frozenset[str]:
    """The names and attributes that are read for anything but what leaves all parameters as they are."""
    idle = {id(node.value) for node in cell.of(ast.Attribute) if node.attr in _IDLE}
    # A schedule of the learning rate has the optimizer and moves no parameter; nor does what shows or unscales it.
    takers = (node for node in cell.of(ast.Call) if _leaves_all(node))
    idle |= {id(given) for node in takers for given in (*node.args, *(each.value for each in node.keywords))}
    named = [(node, node.id) for node in cell.of(ast.Name) if isinstance(node.ctx, ast.Load)]
    kept = [(node, node.attr) for node in cell.of(ast.Attribute) if isinstance(node.ctx, ast.Load)]
    return frozenset(name for node, name in (*named, *kept) if id(node) not in idle)
