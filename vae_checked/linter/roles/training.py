"""What training does: gradient through z, noise in training, dropout, hidden NaN, and what the optimizer is given."""

from __future__ import annotations

import ast
import math

from vae_checked.facts import Fact, Family, NoiseTiming, Overflow, Parametrisation, Sampler, Training
from vae_checked.linter.roles import gradients, optimizers, samplers
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import TRANSPARENT, Expr, Graph, contains, origin, strip, walk
from vae_checked.linter.symbols.intervals import interval_of
from vae_checked.linter.symbols.numeric import evaluate, leaves
from vae_checked.linter.symbols.values import Function
from vae_checked.record import replace

# The largest finite number of each dtype: exp overflows at its logarithm.
_LARGEST = {"float16": 65504.0, "float32": 3.4028234663852886e38}
_DRAWS = ("noise", "draw")
_NAN_TESTS = frozenset(("isnan", "isfinite", "isinf"))


def trained(sampler: Sampler, site: SamplerSite | None, losses: Losses) -> Sampler:
    """The sampler's facts, its gradient left open where z reaches no loss: what only generates needs none.

    That a sample is drawn which nothing is computed from says nothing of what is decoded.
    """
    if site is None or sampler.gradient_reaches is None:
        return sampler
    timing = _inverted(site, losses) or (sampler.timing if gradients.is_used(site, losses) else None)
    found = gradients.passage(site, sampler.gradient_reaches, losses)
    return replace(sampler, gradient_reaches=found.reaches, gradient_stopped=found.stopped, timing=timing)


def _inverted(site: SamplerSite, losses: Losses) -> Fact[NoiseTiming] | None:
    """Noise in evaluation alone: the branch of training hands on the mean."""
    for branch in losses.branches:
        condition, one, other = branch.args
        asks_not = condition.op == "opaque" and condition.get("name") == "not" and condition.args[0].op == "training"
        if condition.op != "training" and not asks_not:
            continue
        in_training, in_evaluation = (other, one) if asks_not else (one, other)
        if contains(in_evaluation, site.noise.uid) and strip(in_training).uid == strip(site.location).uid:
            return Fact(NoiseTiming(training=False, evaluation=True), origin(in_training))
    return None


def timing_without_noise(kl: Divergence, recon: Reconstruction | None, losses: Losses) -> Sampler:
    """The sampler of a KL whose heads reach a decoder as mean + std, or the reconstruction without any draw."""
    if kl.family is not Family.GAUSSIAN:
        return Sampler()
    added = _means_and_stds(losses.nodes, kl.location, kl.head, kl.parametrisation)
    decoded = [node for node in added if any(_is_layer_on(above, node) for above in losses.nodes)]
    if decoded:
        return Sampler(timing=Fact(NoiseTiming(training=False, without_eps=True), origin(decoded[0])))
    if recon is None:
        return Sampler()
    sides = [side for side in (recon.first, recon.second) if contains(side, kl.location.uid)]
    if len(sides) != 1 or any(node.op in _DRAWS for node in walk(sides[0])):
        return Sampler()
    if any(node.op in _DRAWS for node in losses.nodes):
        # The noise may reach z in a way that was not understood.
        return Sampler()
    if contains(sides[0], strip(kl.head).uid) or not _is_decoded(sides[0], kl.location):
        return Sampler()
    return Sampler(timing=Fact(NoiseTiming(training=False), origin(kl.location)))


def without_eps(graph: Graph, site: SamplerSite) -> list[Sampler]:
    """Other uses of a sampler's heads: mean + std; an error bar, which has both ends, is none."""
    head = samplers.fitting_head(site.scale) or site.head
    if head is None:
        return []
    read = samplers.curve(site.scale, head)
    found = _means_and_stds(graph.nodes, site.location, head, None if read is None else read[0])
    return [Sampler(timing=Fact(NoiseTiming(without_eps=True), origin(node))) for node in found]


def _means_and_stds(
    nodes: list[Expr], location: Expr, head: Expr, parametrisation: Parametrisation | None
) -> list[Expr]:
    """The sums of a mean and its std as `parametrisation` reads it from a head; none where they are subtracted too."""
    found = [
        node
        for node in nodes
        if node.op in ("add", "sub") and parametrisation and _is_mean_and_std(node, location, head, parametrisation)
    ]
    return [] if any(node.op == "sub" for node in found) else found


def _is_layer_on(node: Expr, value: Expr) -> bool:
    return node.op == "layer" and contains(node, value.uid)


def _is_mean_and_std(node: Expr, mean: Expr, head: Expr, parametrisation: Parametrisation) -> bool:
    for location, scale in (node.args, node.args[::-1]):
        if strip(location).uid == strip(mean).uid and contains(scale, head.uid):
            found = samplers.curve(scale, head)
            return found is not None and found[0] is parametrisation
    return False


def _is_decoded(prediction: Expr, location: Expr) -> bool:
    """Whether a layer is applied to something that is computed from the location."""
    return any(
        node.op == "layer" and node.uid != strip(location).uid and contains(node, location.uid)
        for node in walk(prediction)
    )


def overflow(head: Expr | None, site: SamplerSite | None) -> Fact[Overflow] | None:
    """Where the exp that makes std overflows, for an exponent that is affine in the second head."""
    if site is None or head is None:
        return None
    for node in walk(site.scale):
        if node.op != "exp" or not contains(node, head.uid):
            continue
        if leaves(node.args[0], (head.uid,)):
            continue
        halved = any(item.op == "cast" and item.get("dtype") == "float16" for item in _carried(node.args[0]))
        dtype = "float16" if halved else "float32"
        exponent = interval_of(node.args[0])
        if exponent is not None and exponent.high <= math.log(_LARGEST[dtype]):
            return None
        start, middle, end = (evaluate(node.args[0], {head.uid: s}) for s in (0.0, 1.0, 2.0))
        if middle > start and math.isclose(end - middle, middle - start, rel_tol=1e-6):
            at = (math.log(_LARGEST[dtype]) - start) / (middle - start)
            return Fact(Overflow("exp of the second head", at, dtype), origin(node))
    return None


def _carried(node: Expr) -> list[Expr]:
    found: dict[int, Expr] = {}
    stack = [node]
    while stack:
        item = stack.pop()
        if item.uid in found:
            continue
        found[item.uid] = item
        if item.op in TRANSPARENT or item.op in ("mul", "add", "sub", "div", "neg"):
            stack.extend(item.args)
    return list(found.values())


def training_facts(
    losses: Losses, site: SamplerSite | None, kl: Divergence | None, recon: Reconstruction | None
) -> Training:
    """Facts of the training of the VAE that a sampler or a KL belongs to."""
    if site is None and kl is None:
        return Training()
    return Training(
        without_optimizer=optimizers.forgotten(losses.evaluation, site, kl),
        always_on_dropout=_dropout(losses),
        hidden_nan=_hidden_nan(losses, kl, recon),
        without_gradient=_without_gradient(losses, site, kl),
    )


def _dropout(losses: Losses) -> Fact[tuple[str, ...]] | None:
    nodes = [node for node in losses.nodes if node.op == "layer" and "dropout" in str(node.get("kind")).lower()]
    if not nodes:
        return None
    always = [node for node in nodes if node.get("always_on") is True]
    return Fact(tuple(dict.fromkeys(origin(node).source for node in always)), origin((always or nodes)[0]))


def _hidden_nan(losses: Losses, kl: Divergence | None, recon: Reconstruction | None) -> Fact[str | None] | None:
    """NaN replaced between a term and the loss."""
    terms = [term.term for term in (kl, recon) if term is not None and losses.trains(term.term)]
    if not terms:
        return None
    for node in losses.nodes:
        hides = node.op == "nan_to_num" and any(losses.graph.holds(node, term.uid) for term in terms)
        if hides and losses.trains(node):
            return Fact(origin(node).source, origin(node))
    # What is done where a test for NaN holds may be to put a number in its place.
    return None if any(map(_tests_for_nan, losses.evaluation.functions())) else Fact(None, origin(terms[0]))


def _tests_for_nan(function: Function) -> bool:
    """Whether a function asks of a value whether it is NaN, or finite."""
    return any(
        isinstance(node, (ast.Name, ast.Attribute)) and _name(node) in _NAN_TESTS for node in ast.walk(function.node)
    )


def _name(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr


def _without_gradient(losses: Losses, site: SamplerSite | None, kl: Divergence | None) -> Fact[tuple[str, ...]] | None:
    """Layers of the encoder that stand before a detach on every way to the loss."""
    location = site.location if site is not None else kl.location if kl is not None else None
    totals = [value for value in losses.totals if location is not None and losses.graph.holds(value, location.uid)]
    if location is None or not totals:
        return None
    reached = gradients.reached(totals)
    cuts = [node for node in walk(location) if node.op == "detach" and node.get("known") != "sample"]
    # A layer may be trained where it is applied to something else.
    everywhere = gradients.reached(losses.ends) if cuts else set()
    trained = {node.get("serial") for node in losses.nodes if node.op == "layer" and node.uid in everywhere}
    for node in cuts:
        if node.uid not in reached:
            continue
        below = [item for item in walk(node) if item.op == "layer" and item.get("outputs") is not None]
        lost = [item for item in below if item.get("serial") not in trained]
        if lost and len(lost) == len(below):
            return Fact(tuple(dict.fromkeys(origin(item).source for item in lost)), origin(node))
    return Fact((), origin(totals[0]))
