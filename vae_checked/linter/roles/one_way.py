"""The one way from a loss down to terms of it."""

from __future__ import annotations

from collections.abc import Iterator

from vae_checked.linter.symbols.expression import Expr, Graph


def one_way_down(total: Expr, graph: Graph, *terms: int) -> Iterator[Expr]:
    """The nodes from a loss down to a term of this uid, both included, as far as one way alone leads there.

    Of several terms it is the way down to the innermost value that holds them all.
    """
    holding = frozenset.intersection(*map(graph.holding, terms))
    below = [total]
    while len(below) == 1:
        yield below[0]
        below = [arg for arg in below[0].args if arg.uid in holding]
