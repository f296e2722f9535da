"""Which samplers draw from a posterior where no KL reads their heads: by what becomes of z, not by noise alone.

Data plus noise, a diffusion step, a policy's action and a perturbed weight are sums of a mean and scaled noise too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vae_checked.linter.roles.couplings import is_coupled
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import (
    CARRIED,
    NOISE,
    REDUCTIONS,
    TRANSPARENT,
    Expr,
    Graph,
    called_name,
    elementwise,
    strip,
    walk,
)
from vae_checked.linter.symbols.numeric import leaves
from vae_checked.mathematics.names import Role, likely_role_of

# What makes a number positive on purpose.
_POSITIVE = frozenset(("exp", "softplus", "sqrt", "elu"))
_PRODUCTS = frozenset(("matmul", "mm", "bmm"))
_PICKED = TRANSPARENT | {"part", "item", "index", "move", "alias"}


def is_posterior(
    site: SamplerSite, recons: Iterable[Reconstruction], graph: Graph, names: Mapping[int, list[str]]
) -> bool:
    """Whether z is decoded and compared with what its heads are computed from, or is drawn by a function of two heads.

    A graph's samples are decoded by their products with one another, which are the edges.

    Where no comparison is read, both heads must be made by layers, each from one input, the width be positive on
    purpose or by name, and z go into a layer without its density being asked for.
    """
    if any(_is_compared(site, recon, graph) for recon in recons):
        return True
    if is_coupled(site, graph):
        return False
    named = _is_named(site, names)
    if all(map(is_given, (site.location, *leaves(site.scale)))):
        return named
    positive = any(node.op in _POSITIVE for node in elementwise(site.scale))
    return (named or positive) and not _is_ancestral(site.location) and _is_taken(site, graph)


def is_of_noise(site: SamplerSite, graph: Graph) -> bool:
    """Whether z is drawn and decoded as that of a posterior is, with heads that follow from pure noise.

    They may be a learned prior's, or those of an encoder that is tried out on input that was made up.
    """
    return _is_ancestral(site.location) and not is_coupled(site, graph) and _is_taken(site, graph)


def _is_taken(site: SamplerSite, graph: Graph) -> bool:
    """Whether layers make both heads, each of one input, and z is decoded."""
    return _is_paired(site, graph) or (all(map(_is_made, (site.location, site.scale))) and _is_decoded(site, graph))


def _is_compared(site: SamplerSite, recon: Reconstruction, graph: Graph) -> bool:
    """Whether one side of an error is computed by layers from z, and z from the other side by layers."""
    for prediction, target in ((recon.first, recon.second), (recon.second, recon.first)):
        if not graph.holds(prediction, site.z.uid) or graph.holds(target, site.z.uid):
            continue
        data = strip(target).uid
        if strip(site.location).uid == data:
            continue
        decoded = any(_is_applied(node, "dec") and graph.holds(node, site.z.uid) for node in walk(prediction))
        if decoded and any(
            node.uid != data and _is_applied(node, "enc") and graph.holds(node, data) for node in walk(site.scale)
        ):
            return True
    return False


def _is_paired(site: SamplerSite, graph: Graph) -> bool:
    """Whether the samples of all inputs are multiplied by one another, as the decoder of a graph's edges does."""
    return site.z.uid in graph.read_once(_paired)


def _paired(graph: Graph) -> set[int]:
    """The uids of the nodes that are multiplied by themselves."""
    products = (
        node.args
        for node in graph.having("matmul", "opaque", "call")
        if len(node.args) == 2 and (node.op == "matmul" or called_name(node) in _PRODUCTS)
    )
    picked = ((_picked(one).uid, _picked(other).uid) for one, other in products)
    return {one for one, other in picked if one == other}


def _picked(value: Expr) -> Expr:
    while value.args and value.op in _PICKED:
        value = value.args[0]
    return value


def is_given(head: Expr) -> bool:
    """Whether a head, or both in one, is handed over from outside, and only picked, reshaped or guarded here."""
    node = head
    while node.args and (node.op in _PICKED or node.op == "clamp"):
        node = node.args[0]
    return node.op == "atom"


def _is_named(site: SamplerSite, names: Mapping[int, list[str]]) -> bool:
    scales = (strip(site.scale), *elementwise(site.scale), *leaves(site.scale))
    roles = {likely_role_of(name) for node in scales for name in names.get(node.uid, ())}
    return Role.SECOND in roles and Role.MU in {
        likely_role_of(name) for name in names.get(strip(site.location).uid, ())
    }


def _is_made(head: Expr) -> bool:
    """Whether layers make a head of each input by itself: a mean over inputs is one of no posterior."""
    above = list(elementwise(head))
    if any(node.op in REDUCTIONS for node in above):
        return False
    return any(_is_applied(node) for node in walk(*leaves(head)))


def _is_ancestral(head: Expr) -> bool:
    """Whether a head follows from pure noise, as in a draw from a chain of learned priors or by steps of denoising.

    Noise that is added to something, as to data or to the mean of a latent above, leaves the head one of that.
    """
    stack, seen = [head], set[int]()
    while stack:
        node = stack.pop()
        if node.uid in seen or not node.bits & NOISE:
            continue
        seen.add(node.uid)
        if node.bits & CARRIED:
            return True
        summands = [arg for arg in node.args if not arg.bits & CARRIED] if node.op in ("add", "sub") else []
        stack.extend(summands or node.args)
    return False


def _is_applied(node: Expr, method: str | None = None) -> bool:
    """Whether a layer is applied, or a model that was handed over.

    A method of something unknown may be anything, unless `method` is part of its name.
    """
    if node.op == "call":
        return method is not None and method in str(node.get("name")).lower()
    return node.op == "layer" or (node.op == "opaque" and node.get("name") == "call" and len(node.args) > 1)


def _is_decoded(site: SamplerSite, graph: Graph) -> bool:
    """Whether z goes into a layer, and its own density is not asked for, as that of an action is."""
    holding = graph.holding(site.z.uid)
    location = strip(site.location).uid
    if any([strip(arg).uid for arg in node.args] == [site.z.uid, location] for node in graph.taking(site.z, "sub")):
        return False
    return any(_is_applied(node) and node.uid in holding for node in graph.having("layer", "opaque"))
