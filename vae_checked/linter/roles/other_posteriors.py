"""Posteriors that are no Gaussian of two heads: their draw, a divergence that is not read, and what is decoded of z.

A Laplace or a Dirichlet distribution, one truncated or on a sphere, a Gaussian whose std is a number: what is known of
such a VAE is where it draws, and where its divergence and the error of what it decodes stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vae_checked.facts import Fact, Facts, Heads, NoiseTiming, Sampler
from vae_checked.linter.roles import fixed_stds
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import NOISE, Expr, Graph, origin, strip, walk
from vae_checked.record import dataclass, replace

_DIVERGENCE, _DENSITY = "kl_divergence", ".log_prob"
# How a distribution of torch goes as a value, and an object of the project's own.
_NORMAL = "distribution:Normal"
_PAIR = 2


@dataclass(frozen=True, slots=True)
class OtherPosterior:
    """A draw of such a posterior, the term that is its divergence or holds its density, and what is decoded from z.

    One that `has_one_width` is a Gaussian, whose draw is known as that of any other.
    """

    site: SamplerSite
    term: Expr
    recon: Reconstruction
    has_one_width: bool = False

    def told(self, facts: Facts) -> Facts:
        """The facts of the draw and of what is decoded, without those that a Gaussian's heads would have."""
        where = origin(self.term)
        source = " ".join(where.source.split())
        of_what = "whose std is no head" if self.has_one_width else "that is no Gaussian with two heads"
        reason = f"the divergence in {source} is of a posterior {of_what}"
        timing = Fact(NoiseTiming(training=True), origin(self.site.z))
        known = facts.sampler if self.has_one_width else Sampler()
        stopped = {} if where.place is None else {"kl.form": where.place}
        return replace(
            facts,
            sampler=Sampler(noise=known.noise, shared_over=known.shared_over, timing=timing),
            heads=Heads(),
            kl=replace(facts.kl, unread=Fact(where.source, where)),
            unobserved={**facts.unobserved, "kl.form": reason},
            stopped_at={**facts.stopped_at, **stopped},
        )


def find(losses: Losses, decoded: Iterable[Reconstruction]) -> Iterator[OtherPosterior]:
    """The posteriors of other families whose divergence stands in one loss with what is decoded from their draw.

    `decoded` are the errors that are read with another posterior.
    """
    graph, told = losses.graph, {recon.term.uid for recon in decoded}
    drawn = {site.z.uid for site in losses.samples}
    for term, heads in _divergences(graph):
        for recon in losses.recons:
            if recon.term.uid in told or graph.holding(term.uid).isdisjoint(graph.holding(recon.term.uid)):
                continue
            site = _draw(graph, heads, recon)
            if site is not None and site.z.uid not in drawn:
                told.add(recon.term.uid)
                yield OtherPosterior(site, term, recon)
                break
    for site, term in fixed_stds.find(losses):
        for recon in losses.recons:
            if recon.term.uid not in told and _is_decoded(graph, site, term, recon):
                told.add(recon.term.uid)
                yield OtherPosterior(site, term, recon, has_one_width=True)
                break


def _is_decoded(graph: Graph, site: SamplerSite, term: Expr, recon: Reconstruction) -> bool:
    """Whether an error in one loss with a term is of what a network decodes from a draw, and other data."""
    if graph.holding(term.uid).isdisjoint(graph.holding(recon.term.uid)):
        return False
    for prediction, target in ((recon.first, recon.second), (recon.second, recon.first)):
        if graph.holds(prediction, site.z.uid) and not graph.holds(target, strip(site.location).uid):
            return any(each.op == "layer" and graph.holds(each, site.z.uid) for each in walk(prediction))
    return False


def _divergences(graph: Graph) -> Iterator[tuple[Expr, list[Expr]]]:
    """What is a divergence of a posterior, or its density at what is drawn, and its heads, which layers make."""
    for node in graph.having("opaque"):
        name = str(node.get("name"))
        if len(node.args) != _PAIR or not (name == _DIVERGENCE or name.endswith(_DENSITY)):
            continue
        posterior, other = node.args
        if posterior.op != "opaque" or posterior.get("name") == _NORMAL:
            continue
        heads = [head for head in posterior.args if any(each.op == "layer" for each in walk(head))]
        if heads and (name == _DIVERGENCE or all(graph.holds(other, head.uid) for head in heads)):
            yield node, heads


def _draw(graph: Graph, heads: list[Expr], recon: Reconstruction) -> SamplerSite | None:
    """The draw with some heads from which a network decodes one side of an error, and not the other one."""
    for prediction, target in ((recon.first, recon.second), (recon.second, recon.first)):
        if not prediction.bits & NOISE or any(graph.holds(target, head.uid) for head in heads):
            continue
        above = frozenset.intersection(*(graph.holding(head.uid) for head in heads))
        made = {node.uid for node in walk(*heads)}
        below = list(walk(prediction))
        noises = [node for node in below if node.op == "noise" and node.uid not in made]
        inside = {node.uid for node in below}
        for node in graph.nodes:  # arguments come before what is made of them
            if node.uid not in inside or node.uid not in above or node.uid in made:
                continue
            noise = next((each for each in noises if graph.holds(node, each.uid)), None)
            if noise is not None:
                decodes = any(each.op == "layer" and graph.holds(each, node.uid) for each in below)
                return SamplerSite(node, heads[0], heads[-1], noise, noise, False) if decodes else None
    return None
