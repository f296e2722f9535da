"""Probabilities whose quantiles are drawn, as by `erfinv` of a uniform draw between two of them."""

from __future__ import annotations

from vae_checked.facts import NoiseLaw
from vae_checked.linter.symbols.expression import TRANSPARENT, Expr, Graph

# What moves, scales or bounds a probability on its way into the function that gives its quantile.
_MOVING = frozenset(("add", "sub", "mul", "div", "neg", "clamp", "minimum", "maximum")) | TRANSPARENT
_QUANTILES = frozenset(("erfinv", "ndtri", "icdf", "ppf"))
_MOST_STEPS = 64


def are_asked_for(value: Expr, noise: Expr, graph: Graph) -> bool:
    """Whether a uniform draw that is moved and scaled is a probability, of which code takes the quantile."""
    if noise.get("law") is not NoiseLaw.UNIFORM:
        return False
    stack, seen = [value], set[int]()
    while stack and len(seen) < _MOST_STEPS:
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        for above in graph.above(node):
            name = above.op if above.op == "erfinv" else str(above.get("name")).rpartition(".")[2]
            if name in _QUANTILES:
                return True
            if above.op in _MOVING:
                stack.append(above)
    return False
