"""The layers that drop elements, and which of them stand in a value."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence

from vae_checked.linter.roles.batch_sizes import function_around
from vae_checked.linter.roles.objective import Losses, differentiated
from vae_checked.linter.symbols.expression import Expr, walk


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


def is_of_training_alone(losses: Losses, node: Expr) -> bool:
    """Whether a rate is handed over, and by training alone: whoever evaluates the model may hand over 0."""
    call = None if node.site is None else node.site.node
    if node.site is None or not isinstance(call, ast.Call):
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
