"""The one way from a loss down to a term of it."""

from __future__ import annotations

from collections.abc import Iterator

from vae_checked.linter.symbols.expression import Expr, Graph


def one_way_down(total: Expr, term: int, graph: Graph) -> Iterator[Expr]:
    """The nodes from a loss down to the term of this uid, both included, as far as one way alone leads there."""
    holding, node = graph.holding(term), total
    while node.uid != term:
        yield node
        below = [arg for arg in node.args if arg.uid in holding]
        if len(below) != 1:
            return
        node = below[0]
    yield node
