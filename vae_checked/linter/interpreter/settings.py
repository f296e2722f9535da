"""Branches that a setting of today chooses: the others may be chosen tomorrow, and are run by themselves."""

from __future__ import annotations

import ast
from collections.abc import Callable

from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.symbols.values import Module, Scope

# What a sampler or a KL is written with.
_TELLING = frozenset(
    "exp log pow randn randn_like normal rsample sample kl_divergence kl_div square softplus log_prob".split()
)
# What is computed with these has no gradient, and is no term of a loss.
_OF_NUMBERS = frozenset(("np", "numpy", "math"))
# Another choice than all that are written.
OTHERWISE = ""


def note_skipped(context: Context, node: ast.If, truth: bool, scope: Scope) -> None:
    """Take note of what a setting would have to be for other parts of an `if` to be run, whose condition is known."""
    asked = None if context.supposed else _choice(node.test)
    value = None if asked is None else context.eval(asked[0], scope)
    if asked is not None and isinstance(value, str):
        known = scope.module.read_once(_others_by_place)
        place = context.site(node).source.cell.number, node.lineno, node.col_offset, truth
        if place not in known:
            told = _others(node, truth, asked[1], asked[2], _tells)
            training = _others(node, truth, asked[1], asked[2], syntax.trains)
            known[place] = {**dict.fromkeys(training, False), **dict.fromkeys(told, True)}
        for other, is_told in known[place].items():
            skipped = context.observations.skipped
            skipped[value, other] = skipped.get((value, other), False) or is_told


def _others_by_place(_: Module) -> dict[tuple[int | None, int, int, bool], dict[str, bool]]:
    """By cell, line, column and truth of an `if`: it is met in many evaluations, and its nodes are made anew."""
    return {}


def _choice(test: ast.expr) -> tuple[ast.expr, str, bool] | None:
    """What a condition compares with a text: the setting, the text, and whether it asks if both are equal."""
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.ops[0], (ast.Eq, ast.NotEq)):
        return None
    setting, text = test.left, test.comparators[0]
    if not isinstance(setting, (ast.Name, ast.Attribute)) or not isinstance(text, ast.Constant):
        return None
    return (setting, text.value, isinstance(test.ops[0], ast.Eq)) if isinstance(text.value, str) else None


def _others(node: ast.If, truth: bool, constant: str, equal: bool, tells: Callable[[ast.stmt], bool]) -> list[str]:
    """The choices by which a part of an `if` that is not run today, and that `tells` of something, would be run."""
    if not truth:
        return [constant if equal else OTHERWISE] if any(map(tells, node.body)) else []
    found: list[str] = []
    rest = node.orelse
    while len(rest) == 1 and isinstance(rest[0], ast.If) and (asked := _choice(rest[0].test)) is not None:
        found += [asked[1]] if asked[2] and any(map(tells, rest[0].body)) else []
        rest = rest[0].orelse
    if any(map(tells, rest)):
        found.append(OTHERWISE if equal else constant)
    return found


def _tells(statement: ast.stmt) -> bool:
    """Whether a sampler or a KL may be written in a statement: not where weights are drawn, or arrays computed with."""
    told: list[ast.Attribute] = []
    of_weights: set[ast.AST] = set()
    for item in syntax.descendants(statement):
        if isinstance(item, ast.Attribute):
            if item.attr in _TELLING and not (isinstance(item.value, ast.Name) and item.value.id in _OF_NUMBERS):
                told.append(item)
        elif isinstance(item, ast.Call) and syntax.called(item) == "Parameter":
            of_weights.update(syntax.descendants(item))
    return any(item not in of_weights for item in told)
