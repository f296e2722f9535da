"""The layers that drop elements, and which of them stand in a value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from vae_checked.linter.roles.objective import Losses
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
