"""Differences of latents, which are no reconstruction: in a KL, in the log density of z, or of a KL to a capacity."""

from __future__ import annotations

from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import ELEMENTWISE, Expr, Graph, strip
from vae_checked.linter.symbols.given import is_given


def is_of_latents(recon: Reconstruction, found: list[SamplerSite], kls: list[Divergence], graph: Graph) -> bool:
    """Whether a difference is one of latents: in the KL itself, of the KL to a capacity, or in the log density of z."""
    if {_bent(recon.first), _bent(recon.second)}.issubset({site.z.uid for site in found}):
        # Two draws are compared with each other, element by element: nothing is decoded from either.
        return True
    sides = {strip(recon.first).uid, strip(recon.second).uid}
    latents = {uid for site in found for uid in (site.z.uid, strip(site.location).uid) if uid in sides}
    if recon.scale is not None and not latents:
        # A density of what is drawn elsewhere stands around the mean that a KL is of, and is divided by its std.
        own = (kl for kl in kls if strip(kl.location).uid in sides)
        latents = {strip(kl.location).uid for kl in own if graph.holds(recon.scale, strip(kl.head).uid)}
    if latents and _is_decoded(recon, latents, found, graph):
        return False
    return bool(latents) or any(
        graph.holds(kl.term, recon.term.uid) or graph.holds(recon.term, kl.term.uid) for kl in kls
    )


def _bent(side: Expr) -> int:
    """What a side is made of element by element, with no layer between, by its number."""
    node = strip(side)
    while node.op in ELEMENTWISE and len(node.args) == 1:
        node = strip(node.args[0])
    return node.uid


def _is_decoded(recon: Reconstruction, latents: set[int], found: list[SamplerSite], graph: Graph) -> bool:
    """Whether what data is compared with is decoded from a latent, and only drawn from as well: as a distribution."""
    for prediction, target in ((recon.first, recon.second), (recon.second, recon.first)):
        mean = strip(prediction).uid
        if latents == {mean} and is_given(target):
            return any(graph.holds(prediction, site.z.uid) for site in found if site.z.uid != mean)
    return False
