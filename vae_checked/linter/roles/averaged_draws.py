"""Several draws from the same heads that become one latent: their mean is less wide than what each is drawn with."""

from __future__ import annotations

from collections.abc import Iterator

from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import NOISE, Expr, Graph, elementwise, strip


def is_one_of_several(site: SamplerSite, graph: Graph) -> bool:
    """Whether another draw from the heads of this one is added to it, or stands beside it in a stack with a mean."""
    return any(_is_alike(other, site) for other in _joined(site, graph))


def _joined(site: SamplerSite, graph: Graph) -> Iterator[Expr]:
    for node in graph.taking(site.z, "add"):
        yield from node.args
    for node in graph.taking(site.z, "stack"):
        if any(mean.get("axes") == (0,) for mean in graph.taking(node, "mean")):
            yield from node.args


def _is_alike(value: Expr, site: SamplerSite) -> bool:
    """Whether a value is computed from the same heads and noise of its own, with no layer in between."""
    heads = {strip(site.location).uid, strip(site.scale).uid}
    if not value.bits & NOISE or strip(value).uid == strip(site.z).uid:
        return False
    made = list(elementwise(value, heads))
    below = {strip(arg).uid for node in made for arg in node.args}
    noises = {arg.uid for node in made for arg in node.args if arg.op == "noise"}
    return heads <= below and bool(noises) and site.noise.uid not in noises
