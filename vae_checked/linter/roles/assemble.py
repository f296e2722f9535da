"""From one scene to Facts: which sampler, KL, reconstruction and output belong together."""

from __future__ import annotations

from vae_checked.facts import Facts
from vae_checked.linter.expression import Expr, Graph, contains, strip, walk
from vae_checked.linter.roles import divergences, phi, reconstructions, samplers
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.kl import kl_facts
from vae_checked.linter.roles.likelihood import data_facts, output_facts, recon_facts, sides
from vae_checked.linter.roles.posterior import heads_facts, is_posterior, sampler_facts
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.scenes import Scene


def facts_of(scene: Scene) -> list[Facts]:
    """The facts of every VAE in a scene: one per sampler, or one per KL where no sampler is seen."""
    graph = Graph(phi.resolved(scene.values()))
    found = samplers.find(graph)
    cuts = [node for site in found for node in (site.scale, *(head for head in (site.head,) if head is not None))]
    kls = divergences.find(graph, cuts)
    recons = reconstructions.find(graph)
    totals = _totals(graph, kls, recons)
    facts: list[Facts] = []
    used: set[int] = set()
    for site in found:
        kl = _kl_of(site, kls)
        if kl is None and not is_posterior(site, scene.trace.names):
            continue
        if kl is not None:
            used.add(kl.term.uid)
        facts.append(_facts(scene, site, kl, _recon_of(site, recons, kl, totals), totals))
    unused = [kl for kl in kls if kl.term.uid not in used]
    facts.extend(_facts(scene, None, kl, _recon_of(None, recons, kl, totals), totals) for kl in unused)
    if not facts and recons:
        facts.extend(_facts(scene, None, None, recon, totals) for recon in recons)
    return facts


def _totals(graph: Graph, kls: list[Divergence], recons: list[Reconstruction]) -> list[Expr]:
    """Expressions that hold both a KL and a reconstruction: losses."""
    with_kl = frozenset().union(*(graph.holding(kl.term.uid) for kl in kls))
    with_recon = frozenset().union(*(graph.holding(recon.term.uid) for recon in recons))
    return [value for value in graph.values if value.uid in with_kl and value.uid in with_recon]


def _kl_of(site: SamplerSite, kls: list[Divergence]) -> Divergence | None:
    """The KL of a sampler's heads: it shares a head with it."""
    inside = {node.uid for node in walk(site.scale) if node.op != "const"}
    for kl in kls:
        if kl.head.uid in inside and strip(kl.location).uid == strip(site.location).uid:
            return kl
    for kl in kls:
        if kl.head.uid in inside or strip(kl.head).uid in inside:
            return kl
    for kl in kls:
        if strip(kl.location).uid == strip(site.location).uid and site.head is not None:
            return kl
    return None


def _recon_of(
    site: SamplerSite | None, recons: list[Reconstruction], kl: Divergence | None, totals: list[Expr]
) -> Reconstruction | None:
    """The reconstruction of a sampler's z; else the only one that stands beside the KL."""
    if site is not None:
        for recon in recons:
            if contains(recon.first, site.z.uid) != contains(recon.second, site.z.uid):
                return recon
        return None
    if kl is not None:
        beside = [
            recon
            for recon in recons
            if any(contains(total, recon.term.uid) and contains(total, kl.term.uid) for total in totals)
        ]
        if len(beside) == 1:
            return beside[0]
    return None


def _facts(
    scene: Scene,
    site: SamplerSite | None,
    kl: Divergence | None,
    recon: Reconstruction | None,
    totals: list[Expr],
) -> Facts:
    head = _common_head(site, kl)
    prediction, target = sides(site, recon)
    return Facts(
        subject=scene.subject,
        sampler=sampler_facts(site, head),
        heads=heads_facts(site, head),
        kl=kl_facts(kl, recon, totals),
        output=output_facts(prediction),
        recon=recon_facts(site, recon, totals),
        data=data_facts(target),
    )


def _common_head(site: SamplerSite | None, kl: Divergence | None) -> Expr | None:
    """The node from which sampler and KL both read the second head."""
    if site is None:
        return None
    if kl is not None and contains(site.scale, kl.head.uid):
        return kl.head
    if kl is not None and contains(site.scale, strip(kl.head).uid):
        return strip(kl.head)
    return samplers.fitting_head(site.scale) or site.head
