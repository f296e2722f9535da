"""Draws around what a decoder makes of another z, as of the next picture of a chain: these are of no posterior."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from vae_checked.facts import Facts
from vae_checked.finding import Place
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite, is_scalar
from vae_checked.linter.symbols.expression import ELEMENTWISE, Expr, Graph, origin, strip

_PICKED = ("part", "item", "index")
_CALLED = ("opaque", "call")


class DecodedDraws:
    """Where such draws stand: a function that makes one is looked at by itself as well, its arguments named anyhow."""

    def __init__(self) -> None:
        self._places: set[Place | None] = set()

    def note(self, every: Iterable[SamplerSite], kept: Iterable[SamplerSite]) -> None:
        """Take note of the samplers of an evaluation that are not kept."""
        own = {site.z.uid for site in kept}
        for site in every:
            if site.z.uid not in own:
                self._places.update((origin(site.z).place, origin(site.noise).place))
        self._places.discard(None)

    def without(self, found: Sequence[Facts]) -> list[Facts]:
        """The facts without those of a draw alone at such a place, unless a posterior is seen to be drawn there."""
        if not self._places:
            return list(found)
        judged = set[Place | None]().union(*(_places(item) for item in found if not _is_alone(item)))
        left = self._places - judged
        return [item for item in found if not (_is_alone(item) and left & _places(item))]


def _is_alone(item: Facts) -> bool:
    return item.kl.form is None and item.recon.kind is None


def _places(item: Facts) -> set[Place | None]:
    sampler = item.sampler
    return {fact.origin.place for fact in (sampler.std, sampler.noise, sampler.gradient_reaches) if fact}


def left_out(
    found: list[SamplerSite], kls: list[Divergence], recons: list[Reconstruction], graph: Graph
) -> list[SamplerSite]:
    """The samplers without those whose mean is what an error compares with data, made of a z that another one draws.

    What a model that is not read makes may be made of a z as well. A mean that a KL reads is a posterior's, whatever
    else it is compared with.
    """
    compared = _compared(recons) if found else set[Hashable]()
    if not compared:
        return found
    read = {strip(head).uid for kl in kls for head in (kl.location, kl.head)}
    return [
        site
        for site in found
        if (maker := _maker(site.location)) not in compared
        or strip(site.location).uid in read
        or not (isinstance(maker, tuple) or _is_of_another(site, found, graph))
    ]


def _compared(recons: Iterable[Reconstruction]) -> set[Hashable]:
    """What made either side of errors."""
    return {_maker(side) for recon in recons if recon.kind is not None for side in (recon.first, recon.second)} - {None}


def _is_of_another(site: SamplerSite, found: Iterable[SamplerSite], graph: Graph) -> bool:
    return any(other is not site and graph.holds(site.location, other.z.uid) for other in found)


def _maker(value: Expr) -> Hashable:
    """What tells the layer, or the result of an unread call, that a value follows from, whatever it was applied to."""
    picks: list[Hashable] = []
    node = strip(value)
    while node.op in _PICKED or node.op in ELEMENTWISE:
        varying = [arg for arg in node.args if arg.op != "const" and not is_scalar(arg)]
        if not varying or (node.op in ELEMENTWISE and len(varying) > 1):
            return None
        if node.op in _PICKED:
            picks.append((node.get("index"), node.get("key")))
        node = strip(varying[0])
    if node.op == "layer":
        return node.get("serial")
    # A model that is not read may give the posterior's mean beside the picture.
    return (node.get("name"), node.args[0].uid, *picks) if node.op in _CALLED and len(node.args) > 1 else None
