"""Facts of the KL term: its form, factor, sign and reduction, and whether it reaches the loss."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vae_checked.facts import KL, Fact, Factor, KLForm, Likelihood, Origin, Reduced, Reduction
from vae_checked.linter.evaluations.evaluation import expressions
from vae_checked.linter.roles import (
    adversaries,
    ascents,
    called_bounds,
    capacities,
    contrasts,
    counted_weights,
    cut_in_one_arm,
    densities_apart,
    extents,
    frozen_parts,
    gradients,
    kept_terms,
    matched_draws,
    phi,
    row_steps,
    shown,
    targets,
    validations,
)
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.objective import JointLoss, Losses
from vae_checked.linter.roles.parts_of_heads import misses_an_axis
from vae_checked.linter.roles.pooled import over_first_axis
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.reductions import chains, formula_in, is_whole, peeled, rank_of, scaled_at, step_axes
from vae_checked.linter.roles.reductions import ways as taken
from vae_checked.linter.roles.ways import most_conditions
from vae_checked.linter.symbols.expression import (
    ELEMENTWISE,
    ERROR,
    LOSS,
    NO_GRAD,
    NOISE,
    REDUCTIONS,
    Expr,
    Graph,
    elementwise,
    origin,
    strip,
    walk,
)
from vae_checked.linter.symbols.numeric import Program, leaves
from vae_checked.linter.symbols.observations import Root
from vae_checked.mathematics import reductions
from vae_checked.mathematics.chain_signs import sign_of
from vae_checked.mathematics.effective_beta import weight_of
from vae_checked.mathematics.names import is_divergence
from vae_checked.mathematics.reductions import ChainStep, Number, Through
from vae_checked.record import replace

# What makes of a mean something else than the mean of what it makes.
_BENDING = frozenset(("exp", "square", "pow", "log"))
# What has as many axes as what it is made of.
_KEEPING = ELEMENTWISE | frozenset(("cat", "phi"))


def kl_facts(kl: Divergence | None, recon: Reconstruction | None, reading: JointLoss | None, losses: Losses) -> KL:
    """What is read of the KL; nothing where none was found, and of the objective nothing where that was not read."""
    if kl is None:
        return KL()
    where = origin(formula_in(kl.term))
    reduced = _reduced_twice(kl, losses) if reading is None else reduced_of(kl, reading)
    sign = None if reading is None else _sign(kl, reading, losses)
    if sign == 1 and reading is not None:
        may_be_turned = capacities.held_around(kl, reading, losses) or _is_turned_elsewhere(kl, reading, losses)
        sign = None if may_be_turned or _is_climbed(kl, reading, losses) else sign
    if sign == -1 and reading is not None and called_bounds.is_called_a_bound(reading, losses):
        sign = None
    factor: Factor | None = None
    is_kl = kl.parametrisation is not None
    is_read = recon is not None and recon.kind is not None
    if is_kl and reading is not None and recon is not None and is_read and reading.minimised is not None:
        factor = _factor(kl, reading, recon)
    elif is_kl and not kl.reversed and reading is None:
        factor = _claimed(kl, losses)
    kept = False
    in_loss, out_of_loss = losses.holds(kl, recon if is_read else None), where
    if in_loss is False and losses.backward and not losses.flow.reaches(losses.backward, kl.location.uid):
        # Something else is trained on what an encoder hands out, as a classifier of its latents is.
        in_loss = None
    if in_loss:
        in_loss = gradients.through_kl(kl, losses)
        kept = in_loss is None and gradients.has_head_without_gradient(kl, losses)
        kept = kept and not _is_measured(kl, losses)
        stopped = gradients.stopped_at(kl, losses) if in_loss is False else None
        out_of_loss = where if stopped is None else gradients.overwritten_at(stopped) or origin(stopped)
        # What is not differentiated lowers nothing, whichever side of a minus it stands on.
        sign = sign if losses.flow.reaches(losses.ends, kl.term.uid) else None
    held = counted_weights.held_back(kl, losses) if in_loss else None
    if held is not None and held.never:
        in_loss, out_of_loss = False, origin(held.node)
    if in_loss and (gradients.bounded_at(kl, losses) is not None or losses.leave_out(kl)):
        # How large the KL is, nobody knows before it is trained; another sum than the one that trains is only shown.
        in_loss = None
    if in_loss and _is_dropped(kl, losses):
        in_loss = None
    if in_loss is not None and cut_in_one_arm.choice(kl, losses) is not None:
        in_loss = None
    if in_loss is False and (is_added_elsewhere(kl, losses) or is_of_an_autoencoder(kl, recon, losses)):
        in_loss = None
    if in_loss is False and matched_draws.are_compared(losses):
        in_loss = None
    # A formula of averages of the heads has a KL's values where these are alike, and is the KL of no posterior.
    return KL(
        form=None if _is_of_averages(kl, losses) else Fact(_form(kl), where),
        factor=None if factor is None else Fact(factor, where if reading is None else _weighed_at(reading, where)),
        sign=None if sign is None or reading is None else Fact(sign, turned_at(kl.term, reading, losses)),
        reduced=None if reduced is None else Fact(reduced, where),
        in_loss=Fact(in_loss, out_of_loss if in_loss is False else where) if in_loss is not None or kept else None,
    )


def _weighed_at(reading: JointLoss, formula: Origin) -> Origin:
    """Where a KL gets its factor: in its formula, or where it is added once more."""
    return formula if reading.added.node is None else origin(reading.added.node)


def _form(kl: Divergence) -> KLForm:
    formula = formula_in(kl.term)
    above = _scale_above(kl.term, formula)
    # Of a line that has other terms as well the KL is no multiple: to write that anew would leave them out.
    written = kl.factor / above if above and not densities_apart.is_shared(formula) else None
    heads = {strip(kl.location).uid, strip(kl.head).uid}
    sampled = any(arg.op in ("noise", "draw") for node in elementwise(kl.term, heads) for arg in node.args)
    of_kl = kl.parametrisation, (), kl.values, kl.reversed, kl.family, kl.offset
    return KLForm(*of_kl, learned=kl.prior, written=written, sampled=sampled)


def _scale_above(term: Expr, formula: Expr) -> float | None:
    """The number that a term is times its formula, whatever else weighs it; None where that is not seen."""
    scale, node = 1.0, term
    while node.uid != formula.uid:
        index = 0 if node.op == "detach" else scaled_at(node)
        if index is None:
            return None
        if node.op in ("mul", "div"):
            # What is not known weighs once.
            ones = {leaf.uid: 1.0 for leaf in leaves(node.args[1 - index])}
            number = Program(node.args[1 - index], ones)(ones)
            if not number or not math.isfinite(number):
                return None
            scale = scale * number if node.op == "mul" else scale / number
        elif node.op == "neg":
            scale = -scale
        node = node.args[index]
    return scale


def _is_dropped(kl: Divergence, losses: Losses) -> bool:
    """Whether what a function that is run gets back with a KL in it is given a name there that nothing reads.

    A helper may add it to other terms, and its caller forget what it returns.
    """
    roots = [root for root in losses.roots_with(kl.term) if root.depth == 1]
    return bool(roots) and not losses.backward and all(map(_is_never_read, roots))


def _is_never_read(root: Root) -> bool:
    return root.kind == "assign" and root.function is not None and shown.is_never_read(root.name, root.function.node)


def is_of_an_autoencoder(kl: Divergence, recon: Reconstruction | None, losses: Losses) -> bool:
    """Whether the mean is decoded, without noise: what is trained by the error alone is no VAE, its KL is shown."""
    sides = () if recon is None else (recon.first, recon.second)
    decoded = [side for side in sides if losses.graph.holds(side, kl.location.uid)]
    return bool(decoded) and not any(side.bits & NOISE for side in decoded)


def is_added_elsewhere(kl: Divergence, losses: Losses) -> bool:
    """Whether there are signs that a KL, or its heads, is in a loss that is not read with it, or was in one before."""
    return (
        gradients.is_shown_beside(kl, losses)
        or gradients.has_kept_heads(kl, losses)
        or _is_in_another_loss(kl, losses)
        or validations.is_beside_what_trains(kl, losses)
        or kept_terms.is_added_later(kl.term.uid, losses.graph, losses.evaluation)
        or kept_terms.is_asked_for(kl.term.uid, losses.graph, losses.evaluation, losses.backward or losses.ends)
        or frozen_parts.freezes(losses.evaluation)
    )


def _is_measured(kl: Divergence, losses: Losses) -> bool:
    """Whether a KL is computed of heads of a block without gradients by a formula that trains elsewhere: as a score."""
    off = (node.op == "detach" and node.get("known") == NO_GRAD for node in elementwise(kl.term))
    return any(off) and _is_in_another_loss(kl, losses)


def _is_in_another_loss(kl: Divergence, losses: Losses) -> bool:
    """Whether what is differentiated reaches the formula of a KL where it is evaluated once more, as for training."""
    formula = formula_in(kl.term)
    written = None if formula.site is None else formula.site.node
    written_there = (node for node in losses.graph.having(formula.op) if node.site and node.site.node is written)
    again = (node for node in written_there if node.uid != formula.uid)
    return any(losses.flow.reaches(losses.backward, node.uid) for node in again)


def reduced_of(kl: Divergence, reading: JointLoss) -> Reduced | None:
    """How a KL is reduced from its heads up to the loss; None when that cannot be read."""
    inside, rank = reading.formula, _rank(kl)
    if inside is None or over_first_axis(kl.location) or _has_pooled_heads(kl) or misses_an_axis(kl):
        # Its first axis is none of samples, whatever is done to it; of pooled heads, or of an entry of each sample, an
        # axis is gone before the formula.
        return None
    if kl.prior_heads and all(map(_is_of_unread_call, (kl.location, kl.head, *kl.prior_heads))):
        # Of two Gaussians that code makes which is not read nothing tells that either has an axis for the samples.
        return None
    if row_steps.hide_the_batch((*reading.kl, *inside), kl.term):
        # What was the first axis of the heads is another one.
        return None
    if rank is None and _has_a_third_axis(kl):
        # Heads of unknown rank are taken for rows of latents elsewhere, which these are not.
        return None
    own, other = own_reduction(kl, reading), reductions.read(reading.recon, None)
    shared = reductions.balancing(reading.shared, own, other)
    flat = not extents.are_of_steps(kl.head, kl.location, *kl.joined)
    chain, spatial = (*shared, *reading.kl, *inside), _spatial(kl, rank)
    reduced = reductions.read(chain, rank, spatial, step_axes(rank), flat=flat)
    of_maps = reductions.read(chain, rank, (), step_axes(rank), flat=flat) if spatial else reduced
    if reduced is not None and of_maps is not None and reduced.event is not of_maps.event:
        # One latent per channel is reduced in one way, and a map of them in another.
        reduced = replace(reduced, event=None)
    if reduced is not None and reductions.repeated(reading.above, own, other):
        return Reduced(reduced.batch, Reduction.MIXED, False)
    error_is_mean = other is None or other.event is Reduction.MEAN
    if reduced is not None and own is not None and error_is_mean and _is_summed_with(reduced, own):
        # The error is a mean over a sample's elements as well, or may be: the sum of both is no sign of other axes.
        return None
    return reduced


def _is_of_unread_call(head: Expr) -> bool:
    """Whether a head is what a call gave that was not read, with no layer that was read below it."""
    made = strip(head)
    while made.op in ("item", "part", "index") and made.args:
        made = strip(made.args[0])
    return made.op in ("opaque", "call") and not any(node.op == "layer" for node in walk(made))


def _has_a_third_axis(kl: Divergence) -> bool:
    """Whether what the heads are made of is put together along a third axis: they may have nodes or steps of their own.

    Layers that are applied to the last axis keep all others.
    """
    stack, seen = [kl.head, kl.location], set[int]()
    while stack:
        node = stack.pop()
        axis = node.get("axis") if node.op == "cat" else None
        if isinstance(axis, (int, float)) and axis > 1:
            return True
        if node.uid not in seen and (node.op in _KEEPING or node.get("kind") == "Linear"):
            seen.add(node.uid)
            stack.extend(node.args)
    return False


def _has_pooled_heads(kl: Divergence) -> bool:
    """Whether the formula squares, or takes the exponential of, what a head was summed or averaged to."""
    heads = {kl.head.uid, kl.location.uid}
    return any(
        node.op in _BENDING and strip(node.args[0]).op in REDUCTIONS and strip(strip(node.args[0]).args[0]).uid in heads
        for node in elementwise(kl.term, heads)
        if node.args
    )


def _is_of_averages(kl: Divergence, losses: Losses) -> bool:
    """Whether a formula averages heads first that a sample is drawn with as they are."""
    drawn = (strip(site.location) for site in losses.samples)
    return _has_pooled_heads(kl) and not any(location.op in REDUCTIONS for location in drawn)


def _is_summed_with(reduced: Reduced, own: Reduced) -> bool:
    """Whether means over the latents of each sample are summed over the batch with what is added to them."""
    mean = own.batch is Reduction.KEPT and own.event is Reduction.MEAN
    return mean and reduced.batch is Reduction.SUM


def _reduced_twice(kl: Divergence, losses: Losses) -> Reduced | None:
    """What is wrong whatever stands beside it: a mean over the batch axis of what has no axes left."""
    means = (node for node in losses.graph.having("mean") if node.get("axes") == (0,))
    heads = frozenset({kl.head.uid, kl.location.uid})
    whole = (node for node in means if losses.graph.holds(node, kl.term.uid) and is_whole(node.args[0], heads))
    # What an unread operation makes of the KL may have any axes.
    # A mean of what no gradient passes through, as a running one that is shown, trains nothing.
    attached = (node for node in whole if _is_attached(node.args[0], kl.term.uid))
    trained = (node for node in attached if not _is_of_errors_too(node.args[0], kl.term.uid, losses.graph))
    twice = any(_is_read(chain) for node in trained for chain in chains(node.args[0], kl.term.uid, losses.graph))
    return Reduced(Reduction.SUM, Reduction.MIXED, False) if twice else None


def _is_of_errors_too(value: Expr, wanted: int, graph: Graph) -> bool:
    """Whether an error is added to the term on the way to it: a mean of both is shown of what has no axes at all.

    How the two are reduced is read where they are an objective.
    """
    stack, seen = [value], set[int]()
    while stack:
        node = stack.pop()
        if node.uid == wanted or node.uid in seen:
            continue
        seen.add(node.uid)
        leading = [arg for arg in node.args if graph.holds(arg, wanted)]
        beside = (arg for arg in node.args if arg.bits & (LOSS | ERROR) and not graph.holds(arg, wanted))
        if node.op in ("add", "sub") and next(beside, None) is not None:
            return True
        stack.extend(leading)
    return False


def _is_attached(value: Expr, wanted: int) -> bool:
    """Whether a value is made of another one by a way on which nothing is detached."""
    stack, seen = [value], set[int]()
    while stack:
        node = stack.pop()
        if node.uid == wanted:
            return True
        if node.op != "detach" and node.uid > wanted and node.uid not in seen:
            seen.add(node.uid)
            stack.extend(node.args)
    return False


def _is_read(chain: Sequence[ChainStep]) -> bool:
    return not any(isinstance(step, Through) for step in chain)


def own_reduction(kl: Divergence, reading: JointLoss) -> Reduced | None:
    """How a KL is reduced before anything joins it; None when that cannot be read."""
    inside = reading.formula
    return None if inside is None else reductions.read((*reading.kl, *inside), _rank(kl), _spatial(kl, _rank(kl)))


def _spatial(kl: Divergence, rank: int | None) -> range:
    """The axes of heads from a convolution that may well have length 1."""
    node = strip(kl.head)
    while node.op in ("part", "index", "item", "layer") and node.args and not _is_convolution(node):
        node = strip(node.args[0])
    return range(2, rank) if rank is not None and _is_convolution(node) else range(0)


def _is_convolution(node: Expr) -> bool:
    return str(node.get("kind")).startswith("Conv")


def _rank(kl: Divergence) -> int | None:
    return rank_of(kl.head) or rank_of(kl.location)


def _sign(kl: Divergence, reading: JointLoss, losses: Losses) -> int | None:
    """+1 where a larger KL makes a larger loss.

    Against the reconstruction's sign, or against a loss that is known to be minimised where that one is wrong itself.
    """
    above, beside = sign_of(reading.kl), sign_of(reading.recon)
    if above is None or (kl.factor < 0 and _bent(reading)):
        return None
    own = above if kl.factor > 0 else -above
    absolute = _absolute(reading)
    if beside is None:
        # A mask may hide the sign of the error; that what is minimised grows with the KL is known all the same.
        return 1 if reading.differentiated and absolute is not None and own * absolute > 0 else None
    if own * beside < 0 and contrasts.is_contrasted(kl, reading.total, losses):
        return None
    if absolute is not None and own * absolute > 0 and beside * absolute < 0:
        return 1
    return own * beside


def _is_climbed(kl: Divergence, reading: JointLoss, losses: Losses) -> bool:
    """Whether what grows with the KL is differentiated where training goes to what is larger."""
    above, absolute = sign_of(reading.kl), _absolute(reading)
    if above is None or absolute is None or above * absolute * kl.factor < 0:
        return False
    return losses.evaluation.read_once(ascents.climbs)


def _is_turned_elsewhere(kl: Divergence, reading: JointLoss, losses: Losses) -> bool:
    """Whether another loss that is differentiated holds the same KL with the other sign: one of two steps is wrong."""
    above = sign_of(reading.kl)
    others = (value for value in losses.backward if value.uid != reading.total.uid)
    for value in others:
        if losses.graph.holds(value, kl.term.uid) and any(
            losses.graph.holds(value, each.term.uid) for each in losses.recons
        ):
            ways = taken(value, kl.term.uid, losses.graph)
            signs = {sign_of([step for _, step in way]) for way in ways}
            if len(signs) == 1 and above is not None and signs == {-above}:
                return True
    return False


def is_opposed(kl: Divergence, recon: Reconstruction, reading: JointLoss, losses: Losses) -> bool:
    """Whether an error with a minus may be maximised on purpose, as that of labels which a latent is not to tell.

    Where it is not known what is minimised, such an error is no sign of what is done to the KL beside it: with a minus
    in the loss, or in a bound that is handed on with one. Where that is known it may be an adversary's.
    """
    if reading.minimised is not None:
        return recon_sign(reading, kl) == -1 and adversaries.is_of_one(kl, recon, reading, losses)
    signs = sign_of(reading.recon), sign_of((*reading.shared, *reading.recon))
    return -1 in signs and targets.is_of_other_data(recon, kl.location, losses.graph)


def turned_at(term: Expr, reading: JointLoss, losses: Losses) -> Origin:
    """Where a term of a loss gets its minus: the one place on the way to it that turns it, else the term itself."""
    ways = taken(reading.total, term.uid, losses.graph)
    turning = {uid for uid, step in ways[0] if sign_of((step,)) == -1} if len(ways) == 1 else set()
    if len(turning) == 1:
        (uid,) = turning
        node = next((node for node in losses.graph.having("neg", "sub", "mul", "div") if node.uid == uid), None)
        if node is not None and node.site is not None:
            return origin(node)
    return origin(term)


def _absolute(reading: JointLoss) -> int | None:
    shared = sign_of(reading.shared)
    return None if reading.minimised is None or shared is None else reading.minimised * shared


def recon_sign(reading: JointLoss, kl: Divergence) -> int | None:
    """+1 where a larger error makes a larger loss; None where the source does not say what is minimised."""
    above, absolute, beside = sign_of(reading.recon), _absolute(reading), sign_of(reading.kl)
    if above is None or absolute is None or beside is None:
        return None
    own = beside if kl.factor > 0 else -beside
    sign = above * absolute
    # Both terms with a minus: a bound, which may be called a loss and maximised elsewhere.
    return None if sign < 0 and own * absolute < 0 and not reading.differentiated else sign


def _bent(reading: JointLoss) -> bool:
    return any(isinstance(step, Through) for step in reading.kl)


def _claimed(kl: Divergence, losses: Losses) -> Factor | None:
    """The factor of a term that a distribution returns as its KL: a class that draws, and is no model."""
    if not losses.samples:
        return None
    for root in losses.roots_with(kl.term):
        function = root.function
        if root.kind != "return" or function is None or function.owner is None or not is_divergence(function.name):
            continue
        if not function.owner.is_module:
            for value in _in_all_ways(root, losses):
                for chain in chains(value, kl.term.uid, losses.graph):
                    weight, chosen = weight_of(chain)
                    chosen = chosen or any(map(reductions.weighs_formula, peeled(kl.term)))
                    return None if chosen else Factor(abs(kl.factor) * weight, claimed=True)
    return None


def _in_all_ways(root: Root, losses: Losses) -> list[Expr]:
    """What a function returns, in all ways through its branches: asked for each KL that is written there, read once."""
    known = losses.read_once(_returned)
    if id(root) not in known:
        known[id(root)] = phi.resolved(expressions(root.value), most=most_conditions(losses.evaluation))
    return known[id(root)]


def _returned(_: Losses) -> dict[int, list[Expr]]:
    return {}


def _factor(kl: Divergence, reading: JointLoss, recon: Reconstruction) -> Factor | None:
    """The constant beside the closed form, and whether somebody chose it; None where nobody knows how often it counts.

    A constant beside a term that is a KL already is a weight; one that belongs to the formula is not, and a weight that
    has a name and is set to 1 is none. A squared error may carry the 1/2 of its Gaussian.
    """
    times = reading.added.times
    if times is None:
        return None
    weight, chosen = weight_of(reading.kl)
    chosen = chosen or any(isinstance(step, Number) and step.named and abs(step.value) != 1.0 for step in reading.kl)
    chosen = chosen or any(map(reductions.weighs_formula, peeled(kl.term)))
    chosen = chosen or (math.isclose(abs(kl.factor), 1.0, rel_tol=1e-3) and not math.isclose(weight, 1.0))
    beside, scaled = weight_of(reading.recon)
    halved = math.isclose(beside, 0.5) and recon.kind is Likelihood.MSE
    chosen = chosen or scaled or not (math.isclose(beside, 1.0) or halved)
    return Factor(abs(kl.factor) * weight * times, chosen, times=times)
