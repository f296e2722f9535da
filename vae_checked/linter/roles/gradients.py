"""Whether the gradient of what is minimised passes through z to the heads: every use of z that is read is looked at."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from vae_checked.facts import Fact, Head, Interval, Origin
from vae_checked.linter.files import syntax
from vae_checked.linter.roles import cut_in_one_arm, partners, score_functions
from vae_checked.linter.roles.batch_sizes import function_around
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.head_layers import layer_of
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.samplers import SamplerSite, is_scalar
from vae_checked.linter.symbols.expression import KL, NO_GRAD, NOISE, TRANSPARENT, Expr, Site, origin, strip, walk
from vae_checked.linter.symbols.gradient_flow import is_of_places, reached
from vae_checked.linter.symbols.numeric import leaves
from vae_checked.linter.symbols.observations import Observations
from vae_checked.linter.symbols.values import Instance, opened
from vae_checked.record import dataclass

# What layers and calls make, whose parts are picked out.
_COMPUTED = frozenset(("layer", "call", "opaque", "part", "item", "index", "add", "attribute"))


@dataclass(frozen=True, slots=True)
class Passage:
    """The heads that the gradient reaches through z, and where it is stopped on the way to the others."""

    reaches: Fact[frozenset[Head]] | None
    stopped: Fact[str] | None = None


def heads_reached(site: SamplerSite) -> frozenset[Head]:
    """The heads that a gradient by z goes on to."""
    if site.detached:
        return frozenset()
    sides = ((Head.MU, site.location), (Head.SECOND, site.scale))
    return frozenset(head for head, value in sides if _passes(value))


def _passes(value: Expr) -> bool:
    """Whether a gradient passes through what is done to a head element by element."""
    varying = [leaf for leaf in leaves(value) if not is_scalar(leaf)]
    passed = reached([value])
    return not varying or any(leaf.uid in passed for leaf in varying)


def passage(site: SamplerSite, reaches: Fact[frozenset[Head]], kl: Divergence | None, losses: Losses) -> Passage:
    """What `reaches` comes to once every use of z is known; left open where one of them is not read.

    A use that is blocked, as of a critic, says nothing of the others, unless the error itself trains nothing; another
    sample of the same heads may carry the gradient, and so may what is decoded from the mean. What is computed under
    no_grad may be meant to train nothing, unless the KL of the heads is seen to train them. Without a KL nothing says
    that the heads are trained through z: networks that teach each other learn from samples alone.
    """
    if not losses.trains(site.z) or (_is_without_gradient(site, losses) and not _is_trained_by(kl, losses)):
        return Passage(None)
    passes = not site.detached and site.z.uid in losses.flow.reached(losses.ends, stops_at=_is_unread)
    if not (passes and reaches.value >= frozenset(Head)) and _is_drawn_with_gradient(site, losses):
        return Passage(None)
    if not site.detached:
        if passes:
            # By a KL alone z is not decoded: what is may have lost its gradient, or be the mean.
            apart = site.z.uid in losses.read_once(_reached_apart) and not _is_decoded_alone(site, losses)
            # How often training takes which arm of a condition is not known.
            return Passage(reaches if apart and not cut_in_one_arm.of_sample(site.z, losses) else None)
        if site.z.uid in losses.flow.reached(losses.ends):
            # Only by way of what is not read, which may hand it on without its gradient.
            return Passage(None)
        if site.z.uid in reached(losses.ends, past=is_of_places):
            # Entries that are picked, as where words are generated, train nothing: what does trains on others.
            return Passage(None)
        used = _is_used_with_gradient(site, losses) or _is_handed_on(site, losses.evaluation.observations)
        if used and not _is_without_effect(site, losses):
            return Passage(None)
    if not _is_encoded(site) or _is_trained_beside(site, losses) or not _is_decoded(site, losses):
        return Passage(None)
    if kl is None or (not _is_trained_by(kl, losses) and _is_data_of_another(site, losses)):
        return Passage(None)
    if score_functions.weighs_the_density(site, losses) or partners.is_only_behind(site, kl, losses.samples):
        return Passage(None)
    stopped = _first_cut(site, losses)
    where = None if stopped is None else origin(stopped)
    return Passage(Fact(frozenset(), reaches.origin), None if where is None else Fact(where.source, where))


def _is_decoded_alone(site: SamplerSite, losses: Losses) -> bool:
    """Whether each error of what is decoded from z has no gradient by it: that a density of z has one is another."""
    errors = [recon.term for recon in losses.recons if losses.graph.holds(recon.term, site.z.uid)]
    return bool(errors) and not any(losses.flow.reaches([error], site.z.uid) for error in errors)


def _is_without_gradient(site: SamplerSite, losses: Losses) -> bool:
    """Whether z is drawn under no_grad, or stands in a block of that somewhere on the way to a loss."""
    holding = losses.graph.holding(site.z.uid)
    return site.noise.get("no_grad") is True or any(
        cut.uid in holding or losses.graph.holds(site.z, cut.uid) for cut in losses.read_once(_cuts_of_no_grad)
    )


def _cuts_of_no_grad(losses: Losses) -> list[Expr]:
    """Where blocks under no_grad hand on what they computed."""
    return [cut for cut in losses.graph.having("detach") if cut.get("known") == NO_GRAD]


def is_tested(term: Expr, losses: Losses) -> bool:
    """Whether a term of a loss is computed under no_grad, and not differentiated."""
    trained = any(losses.graph.holds(value, term.uid) for value in losses.backward)
    return not trained and any(losses.graph.holds(cut, term.uid) for cut in losses.read_once(_cuts_of_no_grad))


def _is_trained_by(kl: Divergence | None, losses: Losses) -> bool:
    """Whether what is differentiated holds a KL whose heads it moves."""
    if kl is None or not losses.is_differentiated(kl):
        return False
    return bool(through_kl(kl, losses))


def _is_drawn_with_gradient(site: SamplerSite, losses: Losses) -> bool:
    """Whether the same line draws a sample through which a loss trains both heads: who calls it stops the gradient."""
    place = None if site.z.site is None else site.z.site.node
    return place is not None and any(
        other.z.site is not None
        and other.z.site.node is place
        and heads_reached(other) == frozenset(Head)
        and other.z.uid in losses.flow.reached(losses.ends)
        for other in losses.samples
        if other.z.uid != site.z.uid
    )


def _reached_apart(losses: Losses) -> set[int]:
    """What the gradient of a loss reaches by another way than a KL."""
    terms = {kl.term.uid for kl in losses.kls}
    return reached(losses.ends, lambda node: node.uid in terms or _is_unread(node))


def _is_unread(node: Expr) -> bool:
    return node.op == "opaque" and str(node.get("name")).startswith(("call", "attribute:", "method:"))


def is_used(site: SamplerSite, losses: Losses) -> bool:
    """Whether something is computed from z, or z is handed on."""
    return is_computed_with(site, losses) or _is_handed_on(site, losses.evaluation.observations)


def is_computed_with(site: SamplerSite, losses: Losses) -> bool:
    """Whether a layer or a loss is given z, or a call that is not read: that may show what it gets without gradient."""
    holding = losses.graph.holding(site.z.uid)
    if losses.trains(site.z) or any(node.uid in holding for node in losses.graph.having("layer")):
        return True
    # A draw that has no gradient from the start is handed on as it is.
    drawn = [node for node in losses.graph.taking(site.z, "detach") if node.get("known") in ("sample", NO_GRAD)]
    given = set[int]().union(*(losses.flow.to(node.uid) for node in (site.z, *drawn)))
    return any(node.uid in given for node in losses.graph.having("opaque", "call"))


def through_kl(kl: Divergence, losses: Losses) -> bool | None:
    """Whether the heads move a loss through their KL, which is part of it.

    None where a constant stands in the way that another setting may change, as a weight of 0 is by a schedule, and
    where it is not seen what is differentiated, nor what is called a loss with the error in it.
    """
    differentiated = losses.is_differentiated(kl)
    ends = _ends_with(kl, losses)
    # The heads of a learned prior may be trained alone, on purpose.
    heads = [strip(head).uid for head in (kl.location, kl.head, *(kl.prior_heads or ()))]
    beside = kl.prior and kl.prior_heads is None
    trained = beside or any(losses.flow.reaches([kl.term], head) for head in heads)
    if trained and not kl.prior and any(_is_held_without_gradient(kl.term, head, losses) for head in heads):
        # What trains one head alone may be meant so.
        return None
    if trained and losses.flow.moves(ends, kl.term.uid, _interval_of(kl)):
        return True
    if trained and losses.flow.reaches(ends, kl.term.uid):
        held_back = losses.flow.held_back_by(ends, kl.term.uid, _interval_of(kl))
        return False if held_back and all(map(_is_written_flat, held_back)) else None
    # An encoder that runs under no_grad is kept as it is, on purpose as far as is known, and so is a whole model.
    kept = not trained and any(node.op == "detach" and node.get("known") == NO_GRAD for node in walk(strip(kl.term)))
    seen = differentiated or _is_added_without_gradient(kl, losses)
    left_out = (
        seen and not beside and not kept and not _is_kept_whole(kl, losses) and not _is_made_of_another(kl, losses)
    )
    return False if left_out and not (ends and all(_trains_a_weight(end, kl, losses) for end in ends)) else None


def _is_made_of_another(kl: Divergence, losses: Losses) -> bool:
    """Whether a KL is made of a value that a loss trains and that is one as well.

    As the weights of an IWAE less the largest of them, of which shares are made without their gradient.
    """
    # A KL that is called a loss by itself trains nothing that another loss does.
    ends = [end for end in losses.ends if not losses.graph.holds(kl.term, end.uid)]
    trained, stack, seen = losses.flow.reached(ends), [*strip(kl.term).args], set[int]()
    while stack:
        node = stack.pop()
        if node.uid in seen or node.bits & KL != KL:
            continue
        seen.add(node.uid)
        if node.uid in trained and any(losses.flow.reaches([node], strip(head).uid) for head in (kl.location, kl.head)):
            return True
        stack += node.args
    return False


def _is_added_without_gradient(kl: Divergence, losses: Losses) -> bool:
    """Whether what is called a loss trains an error and has a KL beside it that trains nothing, there or elsewhere."""
    if losses.backward or losses.flow.reaches(losses.totals, kl.term.uid):
        return False
    errors = [recon.term.uid for recon in losses.recons]
    named = [total for total in losses.totals if losses.minimised(total) is not None]
    return any(
        losses.graph.holds(total, kl.term.uid) and any(losses.flow.reaches([total], error) for error in errors)
        for total in named
    )


def has_head_without_gradient(kl: Divergence, losses: Losses) -> bool:
    """Whether a KL to a fixed prior is computed from a head that it has no gradient by."""
    heads = (strip(head).uid for head in (kl.location, kl.head))
    return not kl.prior and any(_is_held_without_gradient(kl.term, head, losses) for head in heads)


def _is_held_without_gradient(term: Expr, head: int, losses: Losses) -> bool:
    return losses.graph.holds(term, head) and not losses.flow.reaches([term], head)


def bounded_at(kl: Divergence, losses: Losses) -> Expr | None:
    """What keeps a KL below some number on its way to a loss: where it is larger the heads have no gradient by it."""
    lies_in = _interval_of(kl)
    return None if lies_in is None else losses.flow.bounded_by(_ends_with(kl, losses), kl.term.uid, lies_in)


def _ends_with(kl: Divergence, losses: Losses) -> list[Expr]:
    """The losses that hold a KL: what is differentiated, where that does; the KL itself may be called one."""
    minimised = (losses.backward, losses.totals, losses.ends)
    held = ([end for end in ends if losses.graph.holds(end, kl.term.uid)] for ends in minimised)
    return next(filter(None, held), [])


def has_kept_heads(kl: Divergence, losses: Losses) -> bool:
    """Whether the heads of a KL are computed under no_grad: their encoder is kept as it is while others are trained."""
    trained = any(losses.flow.reaches([kl.term], strip(head).uid) for head in (kl.location, kl.head))
    return not trained and any(node.op == "detach" and node.get("known") == NO_GRAD for node in walk(strip(kl.term)))


def is_shown_beside(kl: Divergence, losses: Losses) -> bool:
    """Whether all that a KL is made of is detached to be shown, and trains the heads elsewhere: densities of z are."""
    cuts = [node for node in walk(kl.term) if node.op == "detach" and node.get("known") != NO_GRAD]
    heads = {strip(head).uid for head in (kl.location, kl.head)}
    shown = [cut.args[0] for cut in cuts if losses.graph.holds(cut, strip(kl.head).uid)]
    return bool(shown) and all(strip(value).uid not in heads and _is_trained(value, losses) for value in shown)


def _is_trained(value: Expr, losses: Losses) -> bool:
    """Whether a loss trains what a value is computed from, through it or what is written as it is under a setting."""
    trained = losses.flow.reached(losses.ends)
    written = None if value.site is None else value.site.node
    return value.uid in trained or any(
        node.uid in trained and node.site is not None and node.site.node is written
        for node in losses.graph.having(value.op)
    )


def _trains_a_weight(end: Expr, kl: Divergence, losses: Losses) -> bool:
    """Whether a loss trains what a KL without its gradient is multiplied by, as a Lagrange multiplier.

    The gradient is taken off on purpose then. That nothing else is in the loss tells it where the weight is not read.
    """
    with_kl, passed = losses.graph.holding(kl.term.uid), reached([end])
    alone = not any(losses.graph.holds(end, recon.term.uid) for recon in losses.recons)
    top = end
    while top.op in ("neg", "mean", "sum") or top.op in TRANSPARENT:
        top = top.args[0]
    for product in losses.graph.having("mul", "div"):
        if product.uid not in passed or product.uid not in with_kl:
            continue
        weights = [arg for arg in product.args if arg.uid not in with_kl]
        weighed = reached(arg for arg in product.args if arg.uid in with_kl)
        if len(weights) != 1 or any(node.uid in weighed for node in losses.graph.having("layer", "parameter")):
            continue
        if any(losses.graph.holds(weights[0], recon.term.uid) for recon in losses.recons):
            continue
        learned = reached(weights)
        if any(node.uid in learned for node in losses.graph.having("layer", "parameter")):
            return True
        if alone and product.uid == top.uid and weights[0].op != "const":
            return True
    return False


def _is_kept_whole(kl: Divergence, losses: Losses) -> bool:
    """Whether what is differentiated holds a KL and a sample of its heads as one block under no_grad hands them on."""
    cuts = [
        cut
        for cut in losses.read_once(_cuts_of_no_grad)
        if any(losses.graph.holds(value, cut.uid) for value in losses.backward)
    ]
    places = {_place(cut) for cut in cuts if losses.graph.holds(cut, kl.term.uid)}
    return any(
        strip(site.location).uid == strip(kl.location).uid
        and any(_place(cut) in places and losses.graph.holds(cut, site.z.uid) for cut in cuts)
        for site in losses.samples
    )


def _place(cut: Expr) -> ast.AST | None:
    return None if cut.site is None else cut.site.node


def stopped_at(kl: Divergence, losses: Losses) -> Expr | None:
    """What stands between a KL and a loss and leaves one number of it, or the number without its gradient."""
    ends = _ends_with(kl, losses)
    held_back = next(iter(losses.flow.held_back_by(ends, kl.term.uid, _interval_of(kl))), None)
    if held_back is not None or not ends:
        return held_back
    cut = losses.graph.holding(kl.term.uid)
    return next((node for node in losses.graph.having("detach") if node.uid in cut and node.site is not None), None)


def _interval_of(kl: Divergence) -> Interval | None:
    """Where the value of a KL lies: on one side of 0, unless samples estimate it."""
    if kl.parametrisation is None or kl.term.bits & NOISE:
        return None
    return Interval(low=0.0) if kl.factor > 0 else Interval(high=0.0)


def _is_written_flat(node: Expr) -> bool:
    """Whether an operation says by numbers alone, written where it stands, that it leaves one number of a KL."""
    call = None if node.site is None else node.site.node
    if isinstance(call, ast.BinOp) and isinstance(call.op, ast.Mult):
        return any(map(_is_literal, (call.left, call.right))) or _overwritten(node) is not None
    if not isinstance(call, ast.Call):
        return False
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    bounds = given if isinstance(call.func, ast.Attribute) and not _is_of_torch(call.func) else given[1:]
    return all(map(_is_literal, bounds))


def overwritten_at(node: Expr) -> Origin | None:
    """Where a function puts a number in the place of an argument that a KL is multiplied with; None for others."""
    found = _overwritten(node)
    return None if found is None or node.site is None else Site(node.site.source, found).origin


def _overwritten(node: Expr) -> ast.Assign | None:
    call, cell = (None, None) if node.site is None else (node.site.node, node.site.source.cell)
    if not isinstance(call, ast.BinOp) or not isinstance(call.op, ast.Mult) or cell is None:
        return None
    around = function_around(call, cell)
    names = {side.id for side in (call.left, call.right) if isinstance(side, ast.Name)}
    if around is None or not names:
        return None
    given = {each.arg for each in (*around.args.posonlyargs, *around.args.args, *around.args.kwonlyargs)}
    for name in sorted(names & given):
        written = [each for each in syntax.descendants(around) if _stores(each, name)]
        made = [each for each in around.body if isinstance(each, ast.Assign) and _stores(each.targets[0], name)]
        if len(made) == len(written) == 1 and made[0].lineno < call.lineno and _is_literal(made[0].value):
            return made[0]
    return None


def _stores(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load)


def _is_of_torch(function: ast.Attribute) -> bool:
    return isinstance(function.value, ast.Name) and function.value.id in ("torch", "F", "functional", "np")


def _is_literal(value: ast.expr) -> bool:
    """Whether an argument is a number, or a tensor that is made of one."""
    if isinstance(value, ast.Call):
        made = value.func.attr if isinstance(value.func, ast.Attribute) else ""
        return made in ("zeros_like", "zeros", "ones_like") or (made == "tensor" and all(map(_is_literal, value.args)))
    return isinstance(value, ast.Constant) or (
        isinstance(value, ast.UnaryOp) and isinstance(value.operand, ast.Constant)
    )


def is_cut(value: Expr) -> bool:
    """Whether what a value is computed from is handed to it without its gradient."""
    return any(node.op == "detach" and strip(node).op in _COMPUTED for node in walk(value))


def _is_used_with_gradient(site: SamplerSite, losses: Losses) -> bool:
    """Whether a value of the evaluation that is not z itself has a gradient by z."""
    reaching = losses.flow.to(site.z.uid)
    return any(value.uid in reaching for value in losses.graph.values if strip(value).uid != site.z.uid)


def _is_without_effect(site: SamplerSite, losses: Losses) -> bool:
    """Whether what is differentiated holds every error of what is decoded from z, and these train no layer at all."""
    errors = [recon.term for recon in losses.recons if losses.graph.holds(recon.term, site.z.uid)]
    return (
        bool(errors)
        and all(any(losses.graph.holds(value, error.uid) for value in losses.backward) for error in errors)
        and not any(node.uid in reached(errors) for node in losses.graph.having("layer", "opaque", "call"))
    )


def _is_handed_on(site: SamplerSite, observed: Observations) -> bool:
    """Whether z goes, its gradient with it, to code that the evaluation does not show: returned, or put into what is
    not read.
    """
    if site.z.uid in observed.handed_on:
        return True
    held = (
        value
        for root in observed.roots
        if root.kind == "return" and root.depth == 1
        for value in opened(root.value, (tuple, list, dict, Instance))
    )
    return any(way.uid == site.z.uid for value in held for way in _ways(value))


def _ways(value: Expr) -> Iterator[Expr]:
    """What a value is in each of its branches, what keeps its gradient taken off."""
    stack, seen = [value], set[int]()
    while stack:
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        if node.op == "phi":
            stack.extend(node.args[1:])
        elif node.op in TRANSPARENT and node.op != "detach":
            stack.append(node.args[0])
        else:
            yield node


def _is_encoded(site: SamplerSite) -> bool:
    """Whether a layer or a model makes the heads: those that are handed over, as of a cache, may need no gradient."""
    return any(node.op in ("layer", "opaque", "call") for head in (site.location, site.scale) for node in walk(head))


def _is_trained_beside(site: SamplerSite, losses: Losses) -> bool:
    """Whether a gradient reaches the same heads through another sample, or from what is decoded without one."""
    heads = {layer_of(head) for head in (site.location, site.scale)}
    if any(
        not other.detached
        and heads & {layer_of(other.location), layer_of(other.scale)}
        and _is_used_with_gradient(other, losses)
        and not _is_without_effect(other, losses)
        for other in losses.samples
        if other.z.uid != site.z.uid
    ):
        return True
    trained = losses.flow.reached(losses.ends)
    errors = [recon.term for recon in losses.recons if recon.term.uid in trained]
    return strip(site.location).uid in reached(errors)


def _is_decoded(site: SamplerSite, losses: Losses) -> bool:
    """Whether something is computed from z on the way to a loss, by a layer or by a call that is not read."""
    holding = losses.graph.holding(site.z.uid)
    ends = [end for end in losses.ends if end.uid in holding]
    return any(
        node.uid in holding and any(losses.graph.holds(end, node.uid) for end in ends)
        for node in losses.graph.having("layer", "opaque", "call")
    )


def _is_data_of_another(site: SamplerSite, losses: Losses) -> bool:
    """Whether z is what the heads of another posterior are computed from, or what an error compares something with.

    So it is to a second stage, which models the latents of a first one that was trained before.
    """
    heads = [(other.location, other.scale) for other in losses.samples if other.z.uid != site.z.uid]
    heads += [(kl.location, kl.head) for kl in losses.kls]
    sides = (strip(side) for recon in losses.recons for side in (recon.first, recon.second))
    return any(losses.graph.holds(head, site.z.uid) for pair in heads for head in pair) or any(
        side.uid == site.z.uid for side in sides
    )


def _first_cut(site: SamplerSite, losses: Losses) -> Expr | None:
    """What stops the gradient of z, where it stands on a line of its own."""
    holding = losses.graph.holding(site.z.uid)
    cuts = (node for node in losses.graph.having("detach") if node.uid in holding and node.site is not None)
    return next((cut for cut in cuts if cut.get("known") != "sample"), None)
