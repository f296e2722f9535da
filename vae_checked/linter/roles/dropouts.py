"""The layers that drop elements, and which of them stand in a value."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import cast

from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import SourceCell
from vae_checked.linter.roles.batch_sizes import function_around
from vae_checked.linter.roles.objective import Losses, differentiated
from vae_checked.linter.symbols.expression import Expr, walk

# What an argument is called that says whether a pass is one of training.
_MODE = re.compile(r"train|eval|determin|infer|test", re.IGNORECASE)


def dropouts(losses: Losses) -> Sequence[Expr]:
    """The layers of an evaluation that drop elements, each once."""
    return losses.read_once(_dropouts)


def _dropouts(losses: Losses) -> Sequence[Expr]:
    return [node for node in losses.graph.having("layer") if "dropout" in str(node.get("kind")).lower()]


def dropouts_in(values: Iterable[Expr], losses: Losses) -> list[Expr]:
    """Those of these layers that stand in one of some values."""
    standing_in, found = losses.read_once(_standing_in), 0
    for value in values:
        for node in (value,) if value in losses.graph else walk(value):
            found |= standing_in.get(node.uid, 0)
    return [node for place, node in enumerate(dropouts(losses)) if found >> place & 1]


def _standing_in(losses: Losses) -> Mapping[int, int]:
    return losses.graph.standing_in(dropouts(losses))


def is_always_on(losses: Losses, node: Expr) -> bool | None:
    """Whether evaluation does not switch a dropout off; None where that is open, as where a condition asks for it.

    A module that a pass builds is in training mode, and nothing that eval() is called on holds it.
    """
    where = node.site
    around = None if where is None or not isinstance(where.node, ast.expr) else _around(where.node, where.source)
    always = node.get("always_on") if node.get("kind") == "dropout" else _is_made_anew(node, around)
    if always and ((around is not None and _asks_for_mode(around)) or _is_of_training_alone(losses, node)):
        return None
    return cast("bool | None", always)


def _is_of_training_alone(losses: Losses, node: Expr) -> bool:
    """Whether a rate is handed over, and by training alone: whoever evaluates the model may hand over 0."""
    call = None if node.site is None else node.site.node
    if node.site is None or not isinstance(call, ast.Call) or node.get("kind") != "dropout":
        return False
    named = [each.value for each in call.keywords if each.arg == "p"]
    rate = (*call.args[1:2], *named)[:1]
    around = function_around(call, node.site.source.cell)
    if around is None or not rate or not isinstance(rate[0], ast.Name):
        return False
    spec = around.args
    asked = [*spec.posonlyargs, *spec.args][: len(spec.posonlyargs) + len(spec.args) - len(spec.defaults)]
    asked += [each for each, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if default is None]
    is_handed = rate[0].id in {each.arg for each in asked}
    return is_handed and (node.get("rate") is None or bool(losses.evaluation.read_once(differentiated)))


def _around(written: ast.expr, source: SourceCell) -> ast.FunctionDef | None:
    return function_around(written, source.cell)


def _is_made_anew(node: Expr, around: ast.FunctionDef | None) -> bool:
    """Whether the function `around` a dropout builds it, and keeps it nowhere."""
    made = None if node.site is None else node.site.built
    if made is None or around is None or around.name == "__init__" or not isinstance(made.node, ast.Call):
        return False
    called = node.site.node.func if node.site is not None and isinstance(node.site.node, ast.Call) else None
    if called is None or _rate(made.node) == 0 or _around(made.node, made.source) is not around:
        return False
    return called is made.node or (isinstance(called, ast.Name) and called.id in _used_as_functions(around))


@lru_cache(maxsize=64)
def _asks_for_mode(function: ast.FunctionDef) -> bool:
    """Whether a function asks in a condition, or is given as an argument, whether this is training."""
    spec = function.args
    names = [each.arg for each in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]
    asked = [ast.unparse(node.test) for node in syntax.descendants(function) if isinstance(node, (ast.If, ast.IfExp))]
    return any(map(_MODE.search, (*names, *asked)))


def _rate(made: ast.Call) -> object:
    """The rate as it is written; None where that is no number."""
    given = [*made.args[:1], *(each.value for each in made.keywords if each.arg == "p")]
    return given[0].value if given and isinstance(given[0], ast.Constant) else None


@lru_cache(maxsize=64)
def _used_as_functions(function: ast.FunctionDef) -> frozenset[str]:
    """The names of a function that are called, and of which nothing else is made than what is assigned to them."""
    nodes = [*syntax.descendants(function)]
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    names = [node for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    used = {node.id for node in names if id(node) not in called}
    return frozenset({node.id for node in names} - used)
