"""Draws beside those that train: on made-up input, handed out, or made once more of trained heads to look at."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from vae_checked.facts import Facts, NoiseLaw, Parametrisation
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.roles import couplings, latents, naming, partners, readings
from vae_checked.linter.roles.across import Across
from vae_checked.linter.roles.clipped_heads import common_head
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.posterior import sampler_facts
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import Expr, built_at
from vae_checked.record import replace

_PICKING = frozenset(("part", "item", "index"))
# The layers that end what makes a head, and the parts of it that are picked on the way from them.
_Made = tuple[frozenset[object], frozenset[object]]


def facts(site: SamplerSite, kl: Divergence | None, losses: Losses, across: Across) -> list[Facts] | None:
    """What is known of a draw that is no latent of its own; None where it is that of a posterior, asked as one.

    How trained heads are read is asked all the same where they are of made-up input, or z is only handed out or shown.
    """
    evaluation, graph = losses.evaluation, losses.graph
    trained = _made_again_of(site, losses)
    if trained is not None:
        alone = _alone(site, evaluation)
        if _is_standard(alone) and (across.readings.read(site, alone, evaluation) or _reading(alone) is trained):
            return []
    if kl is not None or latents.is_posterior(site, losses.recons, graph, evaluation.observations.names):
        return None
    is_of_trained = readings.is_of_trained_mean(site, losses.kls)
    if latents.is_of_noise(site, graph) or (is_of_trained and not couplings.is_coupled(site, graph)):
        alone = _alone(site, evaluation)
        is_read = across.readings.read(site, alone, evaluation)
        return [alone] if is_of_trained and not is_read else []
    return []


def _alone(site: SamplerSite, evaluation: Evaluation) -> Facts:
    """What is known of a draw that no loss is read of."""
    names = naming.names_in(evaluation.names(), site, None, None, (None, None))
    drawn = sampler_facts(site, common_head(site, None), None)
    # What trains nothing needs no gradient.
    return Facts(evaluation.subject, sampler=replace(drawn, gradient_reaches=None), names=names)


def _made_again_of(site: SamplerSite, losses: Losses) -> Parametrisation | None:
    """How the KL that trains its heads reads them, of a draw that stands in no loss and is compared with nothing.

    Such a draw is made once the model is trained, to look at what is decoded.
    """
    if not losses.backward or losses.trains(site.z):
        return None
    if any(losses.holds_one(recon, site.z.uid) for recon in losses.recons):
        return None
    known_by = _known_by(site, losses)
    location, head = _made(site.location, known_by), _made(site.scale, known_by)
    if not location[0] or not head[0]:
        return None
    for kl in losses.kls:
        if kl.parametrisation is not None and losses.is_differentiated(kl) and _is_drawn_with(kl, losses):
            mean, second = _made(kl.location, known_by), _made(kl.head, known_by)
            if _is_made_as(location, mean, second) and _is_made_as(head, second, mean):
                return kl.parametrisation
    return None


def _known_by(site: SamplerSite, losses: Losses) -> Callable[[Expr], Hashable]:
    """What tells the layers of a head: which they are, or where they were built, of an object that nothing trains.

    Such an object is one of the class that is trained, with what was learnt loaded into it. Where a loss is not read it
    may be another model.
    """
    layers = _made(site.location, _serial)[0] | _made(site.scale, _serial)[0]
    unread = (end for end in losses.backward if not any(losses.graph.holds(end, kl.term.uid) for kl in losses.kls))
    return built_at if layers.isdisjoint(losses.trained) and next(unread, None) is None else _serial


def _serial(layer: Expr) -> Hashable:
    return layer.get("serial")


def _is_standard(alone: Facts) -> bool:
    """Whether nothing is to be asked of the noise: one of other noise, or that several share, is a posterior's draw."""
    noise, shared = alone.sampler.noise, alone.sampler.shared_over
    return noise is not None and noise.value.law is NoiseLaw.STANDARD_NORMAL and not (shared and shared.value)


def _reading(alone: Facts) -> Parametrisation | None:
    return None if alone.sampler.std is None else alone.sampler.std.value.parametrisation


def _is_drawn_with(kl: Divergence, losses: Losses) -> bool:
    """Whether a sampler whose z trains draws with the heads of a KL, as the KL reads them."""
    drawn = (site for site in losses.samples if losses.trains(site.z) and partners.kl_of(site, [kl]) is not None)
    return any(partners.agrees(site, kl) for site in drawn)


def _is_made_as(head: _Made, trained: _Made, other: _Made) -> bool:
    """Whether a head is what the layers of a trained one make, or follows from it: and not of the other one's part."""
    layers, picked = head
    return layers == trained[0] and trained[1] <= picked and picked.isdisjoint(other[1] - trained[1])


def _made(head: Expr, known_by: Callable[[Expr], Hashable]) -> _Made:
    """The last layers on the ways to a head, as they are known, and what is picked behind them."""
    layers, picked, seen = set[object](), set[object](), set[int]()
    stack: list[Expr] = [head]
    while stack:
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        if node.op == "layer":
            layers.add(known_by(node))
            continue
        if node.op in _PICKING:
            picked.add((node.op, node.attrs))
        stack.extend(node.args)
    return frozenset(layers), frozenset(picked)
