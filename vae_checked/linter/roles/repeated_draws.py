"""What scales a draw with the scale that it was drawn with, and moves it by the same location: a draw made twice."""

from __future__ import annotations

from vae_checked.linter.symbols.expression import Expr, Graph, strip


def again(z: Expr, location: Expr, scale: Expr, graph: Graph) -> Expr | None:
    """What is made of z as if it were noise of the same heads: moved and scaled as eps was to make it."""
    mean, width = strip(location).uid, strip(scale).uid
    for product in graph.taking(z, "mul"):
        if any(strip(factor).uid == width for factor in product.args if factor.uid != z.uid):
            for moved in graph.taking(product, "add"):
                if any(strip(part).uid == mean for part in moved.args if part.uid != product.uid):
                    return moved
    return None
