"""Several draws from the same heads that become one latent: their mean is less wide than what each is drawn with."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import NOISE, Expr, Graph, elementwise, strip

_DRAWS = frozenset(("rsample", "sample"))
# Draws that a loop adds up.
_MOST_ADDED = 8


def is_one_of_several(site: SamplerSite, graph: Graph) -> bool:
    """Whether another draw from the heads of this one is added to it, or the mean of a stack of such draws is taken."""
    return _is_drawn_often(site, graph) or any(_is_alike(other, site) for other in _joined(site, graph))


def _is_drawn_often(site: SamplerSite, graph: Graph) -> bool:
    """Whether a distribution is asked for several samples, and their mean is taken."""
    call = None if site.z.site is None else site.z.site.node
    asked = isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _DRAWS
    return asked and bool(getattr(call, "args", ())) and _has_mean(site.z, graph)


def _joined(site: SamplerSite, graph: Graph) -> Iterator[Expr]:
    sums, added = [site.z], 0
    while sums and added < _MOST_ADDED:
        for node in graph.taking(sums.pop(), "add"):
            yield from node.args
            sums.append(node)
            added += 1
    for node in graph.taking(site.z, "stack"):
        if _has_mean(node, graph):
            yield from node.args


def _has_mean(value: Expr, graph: Graph) -> bool:
    return any(mean.get("axes") == (0,) for mean in graph.taking(value, "mean"))


def _is_alike(value: Expr, site: SamplerSite) -> bool:
    """Whether a value is computed from the same heads and noise of its own, with no layer in between."""
    heads = {strip(site.location).uid, strip(site.scale).uid}
    if not value.bits & NOISE or strip(value).uid == strip(site.z).uid:
        return False
    made = list(elementwise(value, heads))
    below = {strip(arg).uid for node in made for arg in node.args}
    noises = {arg.uid for node in made for arg in node.args if arg.op == "noise"}
    return heads <= below and bool(noises) and site.noise.uid not in noises
