"""Noise that a flow takes beside the data, as extra dimensions: what a coupling makes of it is no latent of a VAE."""

from __future__ import annotations

from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import REDUCTIONS, Expr, Graph, strip, walk

_SOURCES = frozenset(("atom", "data", "batch", "noise"))


def is_coupled(site: SamplerSite, graph: Graph) -> bool:
    """Whether z is put beside all that its heads are made of, and the logarithm of its scale is added up.

    So a flow keeps one half of what it takes and moves the other by it. A decoder is given a part, if any, of what the
    encoder was: the condition.
    """
    return _is_beside_its_source(site, graph) and _has_determinant(site.scale, graph)


def _is_beside_its_source(site: SamplerSite, graph: Graph) -> bool:
    for joined in graph.having("cat"):
        parts = [strip(arg) for arg in joined.args]
        if any(part.uid == site.z.uid for part in parts):
            rest = {part.uid for part in parts if part.uid != site.z.uid}
            if any(_stand_in(head, rest) for head in (site.location, site.scale)) and _are_made_of(site, rest):
                return True
    return False


def _stand_in(head: Expr, wanted: set[int]) -> bool:
    return any(node.uid in wanted for node in walk(head))


def _are_made_of(site: SamplerSite, known: set[int]) -> bool:
    """Whether nothing but some values, numbers and what is learned stands in both heads."""
    seen: set[int] = set()
    stack = [site.location, site.scale]
    while stack:
        node = stack.pop()
        if node.uid in seen or node.uid in known:
            continue
        seen.add(node.uid)
        if node.op in _SOURCES:
            return False
        stack += node.args
    return True


def _has_determinant(scale: Expr, graph: Graph) -> bool:
    """Whether the logarithm of a scale, or what the scale is the `exp` of, is summed or averaged somewhere."""
    bare = strip(scale)
    exponents = {strip(bare.args[0]).uid} if bare.op == "exp" else set()
    return any(
        inner.uid in exponents or (inner.op == "log" and strip(inner.args[0]).uid == bare.uid)
        for node in graph.having(*REDUCTIONS)
        for inner in (strip(node.args[0]),)
    )
