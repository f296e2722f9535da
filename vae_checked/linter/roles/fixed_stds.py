"""Posteriors whose std is no head: noise of one width around a mean, and the square of that mean for the KL."""

from __future__ import annotations

from collections.abc import Iterator

from vae_checked.facts import NoiseLaw
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.samplers import SamplerSite, is_scalar
from vae_checked.linter.symbols.expression import CARRIED, Expr, Graph, const, contains, is_square, strip, walk
from vae_checked.linter.symbols.numeric import leaves

_SUMS = ("add", "sub")


def find(losses: Losses) -> Iterator[tuple[SamplerSite, Expr]]:
    """The draws of one width around what layers make, each with the square of its mean."""
    graph = losses.graph
    squares = _squares(graph)
    if not squares:
        return
    read = {strip(kl.location).uid for kl in losses.kls}
    for known in losses.samples:
        # What is drawn has its own square in a density.
        read.update((strip(known.location).uid, known.z.uid))
    for node in graph.having(*_SUMS):
        site = _drawn(node) if any(arg.bits & CARRIED for arg in node.args) else None
        if site is not None and (mean := strip(site.location).uid) in squares and mean not in read:
            yield site, squares[mean]


def _squares(graph: Graph) -> dict[int, Expr]:
    """What is squared in a graph, and by which node, where layers made it."""
    found: dict[int, Expr] = {}
    for node in graph.having("square", "pow", "mul"):
        if is_square(node) and any(each.op == "layer" for each in walk(node.args[0])):
            found.setdefault(strip(node.args[0]).uid, node)
    return found


def _drawn(node: Expr) -> SamplerSite | None:
    """A mean with noise around it that numbers and settings alone scale; None for any other sum."""
    for location, spread in (node.args, node.args[::-1]):
        made_of = leaves(spread) if spread.bits & CARRIED else []
        noises = [leaf for leaf in made_of if leaf.op == "noise"]
        rest = [leaf for leaf in made_of if leaf.op != "noise"]
        if len(noises) != 1 or not all(map(is_scalar, rest)) or contains(location, noises[0].uid):
            continue
        if noises[0].get("law") is NoiseLaw.STANDARD_NORMAL and any(each.op == "layer" for each in walk(location)):
            return SamplerSite(node, location, const(1.0), noises[0], noises[0], False)
    return None
