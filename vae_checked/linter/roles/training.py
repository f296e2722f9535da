"""What training does: gradient through z, noise in training, dropout, hidden NaN, and what the optimizer is given."""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Iterator
from functools import lru_cache

from vae_checked.facts import (
    Axis,
    Fact,
    Family,
    Misplaced,
    NoiseLaw,
    NoiseTiming,
    Overflow,
    Parametrisation,
    Sampler,
    Training,
)
from vae_checked.linter.roles import (
    cut_layers,
    gradients,
    hidden_nans,
    kept_noise,
    masked_draws,
    misplaced_noise,
    modes,
    optimizers,
    phi,
    samplers,
    seeded_steps,
    silent_draws,
    timings,
    ungiven_gradients,
)
from vae_checked.linter.roles.batch_sizes import function_around
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.dropouts import (
    dropouts,
    dropouts_in,
    is_always_on,
    is_of_training_branch,
    may_drop,
    may_drop_by_hand,
    may_drop_unread,
)
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import (
    ELEMENTWISE,
    TRANSPARENT,
    Expr,
    Graph,
    contains,
    origin,
    strip,
    walk,
)
from vae_checked.linter.symbols.given import is_data, is_given
from vae_checked.linter.symbols.numeric import Formula, Program, leaves
from vae_checked.linter.symbols.observations import ProjectObservations
from vae_checked.linter.symbols.values import Function
from vae_checked.record import replace

# The largest finite number of each dtype, and the least that is not rounded to 0.
_LARGEST = {"float16": 65504.0, "float32": 3.4028234663852886e38}
_LEAST = {"float16": 2.0**-25, "float32": 2.0**-150}
_DRAWS = ("noise", "draw")
# What stands for code that was not followed.
_UNREAD = ("opaque", "call")
# Operations that make of a moderate number one that is not finite, and the heads for std at which they are tried.
_GROWING = frozenset("exp expm1 square pow mul div reciprocal log".split())
_HEADS = tuple(2.0**k for k in range(1, 14))
_HARMLESS = 1.0
_MOST_KEPT = 512
# A mean and a std.
_BESIDE_NOISE = 2


def trained(sampler: Sampler, site: SamplerSite | None, kl: Divergence | None, losses: Losses) -> Sampler:
    """The sampler's facts, its gradient left open where z reaches no loss: what only generates needs none.

    That a sample is drawn which nothing is computed from says nothing of what is decoded.
    """
    if site is None or sampler.gradient_reaches is None:
        return sampler
    found = gradients.passage(site, sampler.gradient_reaches, kl, losses)
    if masked_draws.is_no_draw(site, kl, losses.graph):
        sampler = replace(sampler, std=None, noise=None)
    known = gradients.is_used(site, losses) and not timings.is_optional(site, losses)
    if (
        known
        and not gradients.is_computed_with(site, losses)
        and _is_decoded(losses.graph, site.location, "opaque", "call")
    ):
        # z is handed on, and what is decoded here is its mean.
        known = False
    known = known and _is_drawn_in_training(site, losses) and not timings.is_left_out(site, losses)
    known = known and not _is_left_to_the_kl(site, losses)
    timing = _inverted(site, losses) or (sampler.timing if known else None)
    is_trained = losses.trains(site.z) or _is_of_forward(site, losses)
    noise, timing = seeded_steps.after_seeds(sampler.noise, timing, site, losses, is_trained)
    shared = sampler.shared_over
    if timing is not None and timing.value.training:
        is_open = modes.may_be_evaluated(site, losses) or kept_noise.may_be_kept(site)
        timing = seeded_steps.left_open(timing) if is_open else timing
    if not is_trained:
        if noise and noise.value.law is NoiseLaw.NORMAL:
            # Less noise may be wanted, or more, when nothing is trained.
            noise = None
        if shared and Axis.BATCH in shared.value and not site.noise.args:
            # What only generates may be handed one input at a time.
            shared = None
    read = replace(
        sampler,
        noise=noise,
        shared_over=shared,
        gradient_reaches=found.reaches,
        gradient_stopped=found.stopped,
        timing=timing,
    )
    return silent_draws.left_in(read, site)


def _is_left_to_the_kl(site: SamplerSite, losses: Losses) -> bool:
    """Whether a KL is estimated by z, and what an error compares is decoded from the mean."""
    mean = strip(site.location).uid
    decoded = [recon for recon in losses.recons if losses.holds_one(recon, mean)]
    return bool(decoded) and not any(losses.holds_one(recon, site.z.uid) for recon in losses.recons)


def _is_drawn_in_training(site: SamplerSite, losses: Losses) -> bool:
    """Whether what is drawn at a place is in what is differentiated, where that is read and a KL is in it."""
    if not losses.read_once(_differentiate_a_kl):
        return True
    place = None if site.noise.site is None else site.noise.site.node
    alike = [other for other in losses.samples if other.noise.site is not None and other.noise.site.node is place]
    return any(losses.graph.holds(value, each.z.uid) for each in (site, *alike) for value in losses.backward)


def _differentiate_a_kl(losses: Losses) -> bool:
    return any(losses.graph.holds(value, kl.term.uid) for value in losses.backward for kl in losses.kls)


def _is_of_forward(site: SamplerSite, losses: Losses) -> bool:
    """Whether what a forward pass returns follows, in a branch at least, from z, which was drawn in it."""
    return any(
        root.kind == "return"
        and root.function is not None
        and root.function.name == "forward"
        and (root.depth == 1 or _is_written_in(site.noise, root.function))
        for root in losses.roots_with(site.z)
    )


def _is_written_in(node: Expr, method: Function) -> bool:
    """Whether a value is computed by the class that a method belongs to."""
    if node.site is None or method.owner is None or node.site.source is not method.scope.module.source_of(method.node):
        return False
    line, around = node.site.place.line, method.owner.node
    return around.lineno <= line <= (around.end_lineno or line)


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
    beside = next(_with_noise_beside(kl, losses), None)
    found = None if beside is None else (Misplaced.STD_ADDED, beside)
    if found is None and recon is not None:
        found = misplaced_noise.find(kl, recon, losses)
    if found is not None:
        return Sampler(timing=Fact(NoiseTiming(training=True, misplaced=found[0]), origin(found[1])))
    added = _means_and_stds(losses.graph, kl.location, kl.head, kl.parametrisation)
    decoded = [node for node in added if _is_decoded(losses.graph, node)]
    if decoded:
        return Sampler(timing=Fact(NoiseTiming(training=False, without_eps=True), origin(decoded[0])))
    scaled = None if recon is None else misplaced_noise.without_noise(kl, recon, losses)
    if scaled is not None:
        return Sampler(timing=Fact(NoiseTiming(training=False, misplaced=Misplaced.ANOTHER), origin(scaled)))
    return _of_mean_in_all(kl, losses) if recon is None else _of_mean(kl, recon, losses)


def _of_mean_in_all(kl: Divergence, losses: Losses) -> Sampler:
    """The sampler of a KL where several errors are minimised with it, and each is of what its mean is decoded to.

    One of them compares it with data: beside it a class may be read from the latents, or another picture drawn.
    """
    graph = losses.graph
    errors = [
        each
        for each in losses.recons
        if losses.are_differentiated(kl, each) and graph.holds(each.term, kl.location.uid)
    ]
    if not any(is_data(side) or is_given(side) for each in errors for side in (each.first, each.second)):
        return Sampler()
    found = [_of_mean(kl, each, losses) for each in errors]
    return found[0] if all(sampler.timing is not None for sampler in found) else Sampler()


def _of_mean(kl: Divergence, recon: Reconstruction, losses: Losses) -> Sampler:
    """The sampler of a KL where its mean is decoded, without any draw, to what a reconstruction compares."""
    sides = [side for side in (recon.first, recon.second) if losses.graph.holds(side, kl.location.uid)]
    if len(sides) != 1 or any(node.op in _DRAWS or samplers.is_by_chance(node) for node in walk(sides[0])):
        return Sampler()
    if losses.graph.read_once(_uses_draws) and (_may_be_noisy(kl, losses) or not losses.are_differentiated(kl, recon)):
        # The noise may reach z in a way that was not understood, or where the model is trained and not tested.
        return Sampler()
    moved = losses.flow.moves([sides[0]], strip(kl.head).uid)
    if moved or not _is_decoded_in(sides[0], kl.location, losses.graph):
        return Sampler()
    tested = gradients.is_tested(kl.term, losses) and gradients.is_tested(recon.term, losses)
    if losses.of(kl, recon) is None or tested or not losses.flow.reaches([sides[0]], kl.location.uid):
        # An autoencoder may show the KL of what it inherits, and be trained by its error alone; where a model is
        # tested, the mean is decoded.
        return Sampler()
    return Sampler(timing=Fact(NoiseTiming(training=False), origin(kl.location)))


def decoded_means(kl: Divergence, site: SamplerSite, losses: Losses) -> list[Sampler]:
    """The mean in the place of z: what a reconstruction is decoded from, where z is drawn and nothing is made of it."""
    if kl.family is not Family.GAUSSIAN or not losses.is_differentiated(kl) or gradients.is_computed_with(site, losses):
        return []
    decoded = (recon for recon in losses.recons if losses.holds_one(recon, kl.location.uid))
    found = (_of_mean(kl, recon, losses) for recon in decoded if losses.are_differentiated(kl, recon))
    return list(itertools.islice((sampler for sampler in found if sampler.timing is not None), 1))


def _may_be_noisy(kl: Divergence, losses: Losses) -> bool:
    """Whether a layer, a call that is not read, or a loss takes what is drawn together with the heads of a KL."""
    # A draw of the shape of a head is not computed from it.
    with_heads = losses.flow.to(kl.location.uid) | losses.flow.to(strip(kl.head).uid)
    taking = with_heads & {node.uid for node in (*losses.graph.having("layer", "opaque", "call"), *losses.ends)}
    return any(not taking.isdisjoint(losses.graph.holding(node.uid)) for node in losses.graph.having(*_DRAWS))


def _uses_draws(graph: Graph) -> bool:
    """Whether something is computed from what is drawn: noise that is drawn and left reaches no z."""
    drawn = {draw.uid for draw in graph.having(*_DRAWS)}
    for node in graph.nodes if drawn else ():
        if any(arg.uid in drawn for arg in node.args):
            if node.op not in TRANSPARENT:
                return True
            drawn.add(node.uid)
    return False


def without_eps(losses: Losses, site: SamplerSite) -> list[Sampler]:
    """Other uses of a sampler's heads, in evaluation too: mean + std; an error bar, which has both ends, is none."""
    head = site.fitting_head or site.head
    if head is None:
        return []
    read = samplers.curve(site.scale, head)
    graphs = [losses.graph, losses.read_once(_in_evaluation)] if losses.branches else [losses.graph]
    added = [
        node
        for graph in graphs
        for node in _means_and_stds(graph, site.location, head, None if read is None else read[0])
    ]
    found = {node.uid: node for node in added}.values()
    return [Sampler(timing=Fact(NoiseTiming(without_eps=True), origin(node))) for node in found]


def _in_evaluation(losses: Losses) -> Graph:
    """What is computed where the model is not in training, as far as code asks for it."""
    asking = frozenset().union(*(losses.unsettled.holding(branch.uid) for branch in losses.branches))
    return Graph(phi.in_evaluation(value for value in losses.evaluation.values() if value.uid in asking))


def _means_and_stds(graph: Graph, location: Expr, head: Expr, parametrisation: Parametrisation | None) -> list[Expr]:
    """The sums of a mean and its std as `parametrisation` reads it from a head; none where they are subtracted too."""
    found = [
        node
        for node in graph.taking(location, "add", "sub")
        if parametrisation
        and _is_mean_and_std(node, location, head, parametrisation)
        and not _is_step_of_a_draw(node, location, graph)
    ]
    return [] if any(node.op == "sub" for node in found) else found


def _is_step_of_a_draw(end: Expr, mean: Expr, graph: Graph) -> bool:
    """Whether mean + std is the end of a way whose start is the mean: noise weighs it, or the mean is taken off it."""
    if any(samplers.weighed(product) for product in graph.taking(end, "mul")):
        return True
    return any(strip(step.args[1]).uid == strip(mean).uid for step in graph.taking(end, "sub"))


def _with_noise_beside(kl: Divergence, losses: Losses) -> Iterator[Expr]:
    """The sums of a KL's mean, a std that is computed from its other head, and noise that nothing scales."""
    mean = strip(kl.location).uid
    for node, others in losses.read_once(_with_noise_added):
        for location, scale in (others, others[::-1]):
            read = samplers.curve(scale, kl.head) if strip(location).uid == mean else None
            if read is not None and read[0] is not None and _is_decoded(losses.graph, node):
                yield node


def _with_noise_added(losses: Losses) -> list[tuple[Expr, tuple[Expr, ...]]]:
    """The sums of noise, as it was drawn, and two more values, with these."""
    graph = losses.graph
    inner = [node for noise in graph.having("noise") for node in graph.taking(noise, "add")]
    sums = {node.uid: node for each in inner for node in (each, *graph.taking(each, "add"))}
    found = []
    for node in sums.values():
        addends = _addends(node)
        others = tuple(each for each in addends if strip(each).op != "noise")
        if len(others) == _BESIDE_NOISE and len(addends) == _BESIDE_NOISE + 1:
            found.append((node, others))
    return found


def _addends(node: Expr) -> tuple[Expr, ...]:
    """What is added up to a value, in its order; nothing where it is more than a mean, a std and noise."""
    found: list[Expr] = []
    stack = [node]
    while stack and len(found) + len(stack) <= _BESIDE_NOISE + 1:
        each = stack.pop()
        inner = strip(each)
        if inner.op == "add":
            stack.extend(reversed(inner.args))
        else:
            found.append(each)
    return () if stack else tuple(found)


def _is_decoded(graph: Graph, value: Expr, *others: str) -> bool:
    """Whether a layer, or another operation, is applied to a value, or to something that is computed from it."""
    made = strip(value).uid
    holding = graph.holding(value.uid)
    return any(node.uid in holding and node.uid != made for node in graph.having("layer", *others))


def _is_mean_and_std(node: Expr, mean: Expr, head: Expr, parametrisation: Parametrisation) -> bool:
    for location, scale in (node.args, node.args[::-1]):
        if strip(location).uid == strip(mean).uid and contains(scale, head.uid):
            found = samplers.curve(scale, head)
            # What an attribute holds, or a call that is not read makes of numbers alone, may be a draw.
            may_be_drawn = any(leaf.op in ("attribute", "opaque", "call") for leaf in leaves(scale, (head.uid,)))
            return found is not None and found[0] is parametrisation and not may_be_drawn
    return False


def _is_decoded_in(prediction: Expr, location: Expr, graph: Graph) -> bool:
    """Whether a layer in a prediction is applied to something that is computed from the location."""
    made = strip(location).uid
    return any(node.op == "layer" and node.uid != made for node in graph.towards(prediction, location.uid))


def overflow(head: Expr | None, site: SamplerSite | None, kl: Divergence | None, graph: Graph) -> Fact[Overflow] | None:
    """Which number first stops being finite as the head for std grows, in std or in the KL, and where; inf for none."""
    if site is None or head is None:
        return None
    terms = [site.scale] if kl is None else [site.scale, kl.term]
    found: list[tuple[float, str, Expr]] = []
    for node in {node.uid: node for term in terms for node in graph.towards(term, head.uid)}.values():
        if node.op in _GROWING and not leaves(node, (head.uid,), most=0):
            halved = any(item.op == "cast" and item.get("dtype") == "float16" for item in _carried(node))
            dtype = "float16" if halved else "float32"
            at = _overflows_at(node, head, dtype)
            if at is not None:
                found.append((at, dtype, node))
    if found:
        at, dtype, node = min(found, key=lambda item: item[0])
        if kl is None and dtype == "float32":
            return None  # a KL, which squares std, overflows before
        return Fact(Overflow(f"{node.op} of the head for std", at, dtype), origin(node))
    if kl is None or leaves(site.scale, (head.uid,)):
        return None
    return Fact(Overflow("nothing", math.inf, "float32"), origin(site.scale))


def _overflows_at(node: Expr, head: Expr, dtype: str) -> float | None:
    """The value of the head, to 1e-6, from which on a node is no finite number; None where it stays one."""
    is_log = node.op == "log"
    return _leaves_range(Program(node.args[0] if is_log else node, (head.uid,)).formula, dtype, is_log)


@lru_cache(maxsize=_MOST_KEPT)
def _leaves_range(formula: Formula, dtype: str, is_log: bool) -> float | None:
    """`_overflows_at` of a formula, read once for all that differ in their leaves alone."""

    def is_finite(s: float) -> bool:
        size = abs(formula(s))
        return size >= _LEAST[dtype] if is_log else size <= _LARGEST[dtype]

    above = next((s for s in _HEADS if not is_finite(s)), None)
    if above is None or not is_finite(_HARMLESS):
        return None
    below = _HARMLESS
    while above - below > 1e-6 * above:
        middle = 0.5 * (below + above)
        below, above = (middle, above) if is_finite(middle) else (below, middle)
    return above


def _carried(node: Expr) -> Iterator[Expr]:
    """A node, and what it is made from in one precision."""
    seen: set[int] = set()
    stack = [node]
    while stack:
        item = stack.pop()
        if item.uid not in seen:
            seen.add(item.uid)
            yield item
            if item.op in TRANSPARENT or item.op in ELEMENTWISE:
                stack.extend(item.args)


def training_facts(
    losses: Losses,
    observed: ProjectObservations,
    site: SamplerSite | None,
    kl: Divergence | None,
    recon: Reconstruction | None,
) -> Training:
    """Facts of the training of the VAE that a sampler or a KL belongs to."""
    if site is None and kl is None:
        return Training()
    return Training(
        without_optimizer=optimizers.forgotten(losses, observed, site, kl, recon),
        always_on_dropout=_dropout(losses, site, kl, recon),
        hidden_nan=hidden_nans.read(losses, kl, recon),
        without_gradient=cut_layers.read(losses, observed, site, kl),
        ungiven=losses.read_once(ungiven_gradients.steps),
    )


def _dropout(
    losses: Losses, site: SamplerSite | None, kl: Divergence | None, recon: Reconstruction | None
) -> Fact[tuple[str, ...]] | None:
    """Dropout between the input, z and what is decoded; None where it may be meant to stay, or where that is unread."""
    ends = [site.z] if site is not None else []
    ends += [kl.location, kl.head] if kl is not None else []
    ends += [recon.first, recon.second] if recon is not None else []
    inside = set(dropouts_in(ends, losses))
    nodes = [node for node in dropouts(losses) if node in inside or _follows(losses, node, site, recon)]
    stays = {node: is_always_on(losses, node) for node in nodes}
    always = [node for node in nodes if stays[node] and not _corrupts_data(losses, node)]
    always = [node for node in always if not is_of_training_branch(losses, node)]
    if None in stays.values() and not always:
        return None
    if not always:
        # That nothing else drops is known where all was read that is computed from the input to what is decoded.
        unread = [node for node in walk(*ends) if node.op in _UNREAD]
        if not nodes and (site is None or recon is None or unread or losses.read_once(may_drop)):
            return None
        if any(may_drop_unread(losses, node) for node in unread) or losses.read_once(may_drop_by_hand):
            return None
        return Fact((), origin(nodes[0] if nodes or recon is None else recon.term))
    return Fact(tuple(dict.fromkeys(origin(node).source for node in always)), origin((always or nodes)[0]))


def _corrupts_data(losses: Losses, node: Expr) -> bool:
    """Whether entries of the data are left out where a step of training is written, outside of any model."""
    where = node.site
    if where is None or not isinstance(where.node, ast.expr) or not is_given(node.args[0]):
        return False
    around = function_around(where.node, where.source.cell)
    steps = (root for root in losses.evaluation.observations.roots if root.kind == "backward")
    return any((None if root.function is None else root.function.node) is around for root in steps)


def _follows(losses: Losses, node: Expr, site: SamplerSite | None, recon: Reconstruction | None) -> bool:
    """Whether what is computed from z passes a node, where no error is read that would tell what is decoded."""
    return recon is None and site is not None and losses.graph.holds(node, site.z.uid)
