"""The values of an evaluation in all ways through its branches: by fewer conditions where these are too many."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.roles import phi
from vae_checked.linter.symbols.expression import Expr

# What is read of a graph takes up to a millisecond a node.
_ROOM = 60_000


def in_all(
    evaluation: Evaluation, values: Iterable[Expr] | None = None, wanted: Callable[[Expr], bool] | None = None
) -> list[Expr]:
    """Values of the evaluation, all of them where none are given, each with its conditions settled in all ways.

    Where all values together would be too many, each is taken apart by fewer conditions: what others choose is open.
    """
    most, resolved = evaluation.read_once(_resolved)
    if values is None and wanted is None:
        return resolved
    return phi.resolved(evaluation.values() if values is None else values, wanted, evaluation.met(), most)


def most_conditions(evaluation: Evaluation) -> int:
    """By how many of its conditions each value of an evaluation is taken apart."""
    return evaluation.read_once(_resolved)[0]


def _resolved(evaluation: Evaluation) -> tuple[int, list[Expr]]:
    return phi.resolved_within(evaluation.values(), evaluation.met(), _ROOM)
