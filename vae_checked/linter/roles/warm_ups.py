"""A weight that a condition chooses: 0 while a KL is held back, or one number first and another one later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vae_checked.linter.roles import reductions
from vae_checked.linter.roles.reductions import Taken
from vae_checked.linter.symbols.expression import Expr, Graph
from vae_checked.mathematics.reductions import Number, Weight


def with_effect(total: Expr, others: Iterable[Expr], term: int, graph: Graph) -> Expr:
    """The first of a loss and of what it is in other ways in which a term is not multiplied by 0."""
    alike = _written_alike(total, others)
    if not alike or not is_held_back(total, term, graph):
        return total
    return next((other for other in alike if not is_held_back(other, term, graph)), total)


def opened(way: tuple[Taken, ...], total: Expr, others: Iterable[Expr], term: int, graph: Graph) -> tuple[Taken, ...]:
    """The way to a term with a weight in place of each number that is another one in another way of the same loss.

    What holds a term back says nothing of its weight later.
    """
    for other in _written_alike(total, others):
        for also in reductions.trained_ways(other, term, graph):
            if len(also) == len(way) and not _has_zero(also):
                way = tuple(
                    (uid, Weight(own.text, own.value < 0, own.divides))
                    if isinstance(own, Number) and own.text and _is_other(own, step)
                    else (uid, own)
                    for (uid, own), (_, step) in zip(way, also, strict=True)
                )
    return way


def _is_other(number: Number, step: object) -> bool:
    """Whether what is written alike in another way is another number of the same sign, or a weight."""
    if isinstance(step, Number):
        return step.text == number.text and step.value != number.value and (step.value < 0) is (number.value < 0)
    return isinstance(step, Weight) and step.text == number.text


def _written_alike(total: Expr, others: Iterable[Expr]) -> list[Expr]:
    """What is written where a loss is, but for the loss itself."""
    if total.site is None:
        return []
    return [
        other
        for other in others
        if other.uid != total.uid
        and other.op == total.op
        and other.site is not None
        and other.site.node is total.site.node
    ]


def is_held_back(total: Expr, term: int, graph: Graph) -> bool:
    """Whether each way from a loss to a term multiplies it by 0: asked beside each error, read once."""
    known = graph.read_once(_held_back)
    if (total.uid, term) not in known:
        found = reductions.ways(total, term, graph)
        known[total.uid, term] = bool(found) and all(map(_has_zero, found))
    return known[total.uid, term]


def _held_back(_: Graph) -> dict[tuple[int, int], bool]:
    return {}


def _has_zero(way: Sequence[Taken]) -> bool:
    return any(isinstance(step, Number) and step.value == 0.0 for _, step in way)
