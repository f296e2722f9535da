"""A draw that something drawn as well scales, or that code writes into: `eps * (torch.rand_like(eps) > 0.5)`."""

from __future__ import annotations

from vae_checked.linter.roles import averaged_draws
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.samplers import SamplerSite, is_by_chance
from vae_checked.linter.symbols.expression import ELEMENTWISE, TRANSPARENT, Expr, Graph, called_name, strip
from vae_checked.linter.symbols.numeric import leaves

_OF_INTEGERS = frozenset(("randint", "randint_like", "random_"))
# Functions of which a draw that they are handed says the shape, the type or the place alone.
_OF_SHAPE, _NEW = ("_like", "_as", "size", "shape", "dim", "numel", "len", "device", "dtype"), "new_"


def is_no_draw(site: SamplerSite, kl: Divergence | None, graph: Graph) -> bool:
    """Whether what is decoded, as far as it is read, is something else than the draw: made of several, or masked."""
    return (
        averaged_draws.is_one_of_several(site, graph)
        or _is_masked(site, graph)
        or _is_left_by_chance(site, graph)
        or _is_around_noise(site, kl)
    )


def _is_masked(site: SamplerSite, graph: Graph) -> bool:
    """Whether what z is made of is no draw times a scale: its law, and how wide it is, nobody has read."""
    written = any(_is_computed(node) for node in graph.towards(site.z, site.noise.uid) if node.op == "written")
    return written or _is_written_over(site.scale) or any(_is_by_chance(leaf) for leaf in leaves(site.scale))


def _is_left_by_chance(site: SamplerSite, graph: Graph) -> bool:
    """Whether z or its mean is decoded, element by element, by chance."""
    heads = {strip(site.location).uid, strip(site.scale).uid}
    chosen = [node for node in graph.taking(site.z, "where") if _is_by_chance(node.args[0])]
    if any(strip(arg).uid in heads for node in chosen for arg in node.args[1:]):
        return True
    z = strip(site.z).uid
    weighed = (node for node in graph.taking(site.z, "mul") if _is_by_chance(_beside(node, z)))
    sums = ((each, node) for node in weighed for each in graph.taking(node, "add"))
    return any(averaged_draws.is_of(_beside(each, strip(node).uid), heads) for each, node in sums)


def _beside(node: Expr, uid: int) -> Expr:
    """What else a sum or a product of two is made of."""
    return node.args[1] if strip(node.args[0]).uid == uid else node.args[0]


def _is_around_noise(site: SamplerSite, kl: Divergence | None) -> bool:
    """Whether more noise is in what z is drawn around than in the mean that the KL has."""
    apart = kl is None or strip(kl.location).uid != strip(site.location).uid
    return apart and _is_by_chance(site.location)


def _is_computed(node: Expr) -> bool:
    inner = strip(node).op
    return inner == "noise" or inner in ELEMENTWISE


def _is_written_over(scale: Expr) -> bool:
    """Whether code writes into a scale once it is computed; what it writes into a head, the KL has as well."""
    stack, seen = [scale], set[int]()
    while stack:
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        if node.op == "written" and strip(node).op in ELEMENTWISE:
            return True
        if node.op in ELEMENTWISE or node.op in TRANSPARENT:
            stack += node.args
    return False


def _is_by_chance(leaf: Expr) -> bool:
    """Whether a factor beside a draw is drawn itself, or follows from a draw with no layer in between."""
    stack, seen = [leaf], set[int]()
    while stack:
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        if node.op in ("noise", "draw") or is_by_chance(node) or called_name(node) in _OF_INTEGERS:
            return True
        if node.op in ELEMENTWISE or node.op in TRANSPARENT or _is_of_values(node):
            stack += node.args
    return False


def _is_of_values(node: Expr) -> bool:
    """Whether a function that is not read further may make something of the numbers that it is handed."""
    name = called_name(node)
    return node.op in ("opaque", "call") and not name.endswith(_OF_SHAPE) and not name.startswith(_NEW)
