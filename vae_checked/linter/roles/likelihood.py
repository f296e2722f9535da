"""Facts of the likelihood: the decoder's output, the reconstruction loss and the data that it is compared with."""

from __future__ import annotations

from collections.abc import Hashable

from vae_checked.facts import REAL, UNIT, Data, Fact, Interval, Likelihood, Output, Recon, Reduced, Reduction
from vae_checked.finding import Provenance
from vae_checked.linter.roles import ascents, inner_scales, layout, links, reconstructions, row_steps, several_draws
from vae_checked.linter.roles.by_turns import is_of_a_turn, takes_of_each_row
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.entering import entering
from vae_checked.linter.roles.extents import is_flat, single_axes
from vae_checked.linter.roles.kl import own_reduction, recon_sign, turned_at
from vae_checked.linter.roles.objective import JointLoss, Losses
from vae_checked.linter.roles.pooled import pools
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.reductions import rank_of, step_axes
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.asked_data import has_unknown_range
from vae_checked.linter.symbols.expression import (
    ELEMENTWISE,
    NOISE,
    PASSED,
    TRANSPARENT,
    Expr,
    contains,
    elementwise,
    is_made_from,
    origin,
    strip,
    walk,
    written,
)
from vae_checked.linter.symbols.given import given_as, is_as_given, is_data, is_given
from vae_checked.linter.symbols.intervals import interval_of, leaves
from vae_checked.linter.torch_model import columns
from vae_checked.mathematics import reductions
from vae_checked.mathematics.names import Role, likely_role_of
from vae_checked.record import replace

_MADE_UP = frozenset(("noise", "const", "size"))
_DONE = PASSED | {"noise", "softmax", "log_softmax"}
# What a clamp makes a picture lie in.
_RANGES = (Interval(0.0, 1.0), Interval(-1.0, 1.0), Interval(0.0, 255.0))
# Where the logarithms of probabilities lie.
_LOGARITHMS = Interval(high=0.0)
_SIDES = (Role.RECONSTRUCTION, Role.INPUT)
# What is not read, or is a part of it.
_SHAPED = frozenset(("view", "reshape", "move", "index"))
_UNREAD = frozenset(("item", "part", "opaque", "call"))
# What leaves scores in the shape that a layer gave them.
_KEEPING_CLASSES = ELEMENTWISE | {"softmax", "cast", "contiguous"}


def sides(site: SamplerSite | None, recon: Reconstruction | None) -> tuple[Expr | None, Expr | None]:
    """(prediction, target) of a reconstruction, whatever their order; None where these are not read."""
    if recon is None or recon.kind is None:
        return None, None
    held = _holding(site, recon)
    if held == (False, True) or (not any(held) and _computed_from(recon.second, recon.first)):
        return recon.second, recon.first
    return recon.first, recon.second


def compare_with_several(losses: Losses) -> bool:
    """Whether more than one input of a function is reconstructed: which of them the data of a project are is open.

    A class that is predicted is known by its error, and is no such thing.
    """
    found: dict[int, set[int]] = {}
    for recon in losses.recons:
        prediction, target = sides(None, recon)
        if target is None or prediction is None or recon.kind is Likelihood.CROSS_ENTROPY or is_given(prediction):
            continue
        source = given_as(target)
        if source is not None and source.op == "atom" and source.site is not None:
            node = source.site.node
            taking = (
                each for each in source.site.source.cell.functions if node in (*each.args.args, *each.args.kwonlyargs)
            )
            for function in taking:
                found.setdefault(id(function), set()).add(source.uid)
    return any(len(inputs) > 1 for inputs in found.values())


def _holding(site: SamplerSite | None, recon: Reconstruction) -> tuple[bool, bool]:
    """Whether either side of a reconstruction is made from z."""
    if site is None:
        return False, False
    return is_made_from(recon.first, site.z.uid), is_made_from(recon.second, site.z.uid)


def output_facts(
    prediction: Expr | None, target: Expr | None, mean: Expr | None, recon: Reconstruction | None
) -> Output:
    """What the decoder hands to the loss, and how its shape stands to that of the target.

    Without a prediction, the `mean` of the posterior tells by itself whether samples are mixed on the way to it.
    """
    if prediction is None:
        mixing = layout.batch_mixing(mean)
        return Output(batch_mixing=mixing if mixing is not None and mixing.value is not None else None)
    if is_of_features(prediction, target) or _is_made_up(prediction):
        return Output()
    scores = reconstructions.bounded_scores(recon)
    output = scores or prediction
    names, last = reconstructions.activations(output, () if scores is None else ("softmax",))
    # What is added to the data, or to their mean, lies where that leads: their ranges together are not its range.
    interval = None if _is_beside_data(prediction) else interval_of(output)
    wanted = _wanted(recon)
    if wanted and interval is not None and not wanted.contains(interval) and not leaves(output, wanted):
        # It may be a probability, or the logarithm of one, for all that is known of what it is computed from.
        interval = None
    where = origin(last or output)
    # Scores of classes have an axis for these, and what is compared with them has none.
    of_classes = recon is not None and recon.kind is Likelihood.CROSS_ENTROPY
    return Output(
        interval=None if interval is None else Fact(interval, where),
        activations=None if names is None or (interval is None and not names) else Fact(names, where),
        shape=None if of_classes else layout.output_shape(prediction, target),
        batch_mixing=layout.batch_mixing(prediction),
    )


def _wanted(recon: Reconstruction | None) -> Interval | None:
    """Where a prediction has to lie for its loss: a probability, or the logarithm of one."""
    if recon is not None and recon.kind is Likelihood.BCE:
        return UNIT
    return _LOGARITHMS if recon is not None and _takes_logs(recon) else None


def _takes_logs(recon: Reconstruction) -> bool:
    """Whether a loss is handed what should be logarithms: of those of a softmax it is asked what that was handed."""
    return recon.term.get("takes_logs") is True and reconstructions.bounded_scores(recon) is None


def _is_made_up(prediction: Expr) -> bool:
    """Whether a prediction is noise that is only computed with, as where somebody tries a loss: no decoder made it."""
    if not prediction.bits & NOISE:
        return False
    return all(node.op in _MADE_UP if not node.args else node.op in _DONE for node in walk(prediction))


def _is_beside_data(prediction: Expr) -> bool:
    """Whether a prediction is what a network adds to the data, or to what they are on average."""
    sums = (node for node in elementwise(prediction) if node.op in ("add", "sub"))
    return any(_averaged(side).op in ("data", "batch") for node in sums for side in node.args)


def _averaged(value: Expr) -> Expr:
    """What a value is a mean of, in any order of its axes."""
    bare = strip(value)
    while bare.op == "mean":
        bare = strip(bare.args[0])
    return bare


def is_of_features(prediction: Expr | None, target: Expr | None) -> bool:
    """Whether one network was run on both sides before they are compared, as in a perceptual loss.

    Then neither the end of the decoder nor the data meet in the loss.
    """
    if prediction is None or target is None:
        return False
    ends = _last_layers(prediction)
    return bool(ends) and ends == _last_layers(target)


def _last_layers(value: Expr) -> set[Hashable]:
    """The layers that a value comes from with no other layer in between."""
    found: set[Hashable] = set()
    seen: set[int] = set()
    ahead = [value]
    while ahead:
        node = ahead.pop()
        if node.op == "layer":
            found.add(node.get("serial"))
        elif node.uid not in seen:
            seen.add(node.uid)
            ahead += node.args
    return found


def recon_facts(
    site: SamplerSite | None,
    recon: Reconstruction | None,
    kl: Divergence | None,
    reading: JointLoss | None,
    losses: Losses,
) -> Recon:
    """What is read of the reconstruction loss; nothing where none was found."""
    if recon is None:
        return Recon()
    where = origin(recon.term)
    if recon.kind is None:
        return Recon(unread=Fact(where.source, where))
    swapped: Fact[bool] | None = None
    if recon.kind.symmetric or (recon.kind is Likelihood.GAUSSIAN_NLL and recon.term.op != "loss"):
        swapped = Fact(False, where)
    elif any(held := _holding(site, recon)):
        # Of two reconstructions neither is the data.
        swapped = None if all(held) else Fact(held[1], where)
    elif _computed_from(recon.first, recon.second) != _computed_from(recon.second, recon.first):
        swapped = Fact(_computed_from(recon.second, recon.first), where)
    if swapped is not None and swapped.value and _is_only_tried(recon, losses):
        swapped = None
    reduced: Reduced | None = None
    sign: int | None = None
    if reading is not None and kl is not None:
        # An attribute that says another reduction than torch makes is one finding, not three.
        # Which axes make up one event of another distribution is up to its family.
        # The error of one column or token a turn is summed over them by the loop, whatever its own mean is over.
        by_turns = is_of_a_turn(kl, recon, elsewhere=losses.in_other_loops(kl, recon))
        # Of a sum of losses each was averaged by itself.
        is_known = recon.reduction is not None and recon.kind is not Likelihood.DENSITY
        open_axes = recon.ignored or not is_known or (by_turns and not takes_of_each_row(recon)) or _is_of_a_set(recon)
        open_axes = open_axes or several_draws.are_first(site, recon, reading.recon, losses.graph)
        reduced = None if open_axes else _reduced(recon, kl, reading)
        if reduced is not None and _is_one_number(reduced, reading, losses):
            reduced = None
        if reduced is not None and by_turns:
            # Over how many of them the loop sums is not known, but over the batch each was reduced by itself.
            reduced = replace(reduced, event=None)
        sign = recon_sign(reading, kl)
        if sign == 1 and losses.evaluation.read_once(ascents.climbs):
            sign = None
    return Recon(
        kind=Fact(recon.kind, where),
        swapped=swapped,
        sign=None if sign is None or reading is None else Fact(sign, turned_at(recon.term, reading, losses)),
        reduced=None if reduced is None else Fact(reduced, where),
        takes_logs=Fact(True, where) if _takes_logs(recon) else None,
        ignored_attribute=Fact(recon.ignored[0][0], recon.ignored[0][1].origin) if recon.ignored else Fact(None, where),
    )


def _is_only_tried(recon: Reconstruction, losses: Losses) -> bool:
    """Whether a loss is called once more beside what is differentiated, as to see its value in a cell of a notebook."""
    written = None if recon.term.site is None else recon.term.site.node
    alike = [other for other in losses.recons if other.term.site is not None and other.term.site.node is written]
    trained = [any(losses.graph.holds(end, other.term.uid) for end in losses.backward) for other in alike]
    return any(trained) and not any(losses.graph.holds(end, recon.term.uid) for end in losses.backward)


def _is_of_a_set(recon: Reconstruction) -> bool:
    """Whether what is compared is decoded from features that were gathered over the first axis.

    That is the axis of a set of points then, as in a neural process, and not of the batch.
    """
    gathered = (
        node
        for node in walk(recon.first, recon.second)
        if pools(node) and any(arg.op == "layer" for arg in walk(*node.args))
    )
    return any(gathered)


def _reduced(recon: Reconstruction, kl: Divergence, reading: JointLoss) -> Reduced | None:
    if any(map(layout.is_of_pairs, (recon.first, recon.second))):
        # Both axes are the batch: a mean over them, beside a KL per node, is balanced once that is divided by it.
        return None
    if any(map(links.is_of_ends, (recon.first, recon.second))):
        # So it is with a mean over links, each between two of the nodes.
        return None
    if row_steps.hide_the_batch(reading.recon, recon.first, recon.second):
        # The place of an axis does not say any more which is that of the samples.
        return None
    if links.is_of_one_end(recon.first, recon.second) or links.is_of_one_end(recon.second, recon.first):
        return None
    if _is_below_samples(recon.first, recon.second) or _is_below_samples(recon.second, recon.first):
        return None
    rank, single = rank_of(recon.term), single_axes(recon)
    own = reductions.read(reading.recon, rank, single, flat=is_flat(recon))
    other = own_reduction(kl, reading)
    shared = reductions.balancing(reading.shared, own, other)
    down = (*shared, *reading.recon, *inner_scales.by_numbers(recon))
    found = reductions.read(down, rank, single, step_axes(rank), flat=is_flat(recon))
    if found is not None and rank is None and all(map(_is_anything, (recon.first, recon.second))):
        # One number a sample, as for a pair of inputs, has no elements that a mean could be over.
        found = replace(found, event=None)
    if (
        found is not None
        and recon.kind is Likelihood.CROSS_ENTROPY
        and (_is_of_one_choice(recon.first) or _may_be_of_one_choice(recon, kl))
    ):
        found = replace(found, event=None)
    whole = own is not None and own.event is not Reduction.KEPT
    if found is not None and whole and reductions.repeated(reading.above, own, other):
        # The total of the batch is added to each sample of the KL, and counts as often.
        found = replace(found, over_batch=found.over_batch - 1)
    return found


def _is_of_one_choice(scores: Expr) -> bool:
    """Whether the scores of a cross entropy are a row of classes: it has these in axis 1, where a linear layer ends.

    A sample has one label then, and no elements. What is brought into another shape may have more: tokens in rows.
    """
    stack = [scores]
    while stack:
        node = stack.pop()
        if node.op == "layer" and node.get("kind") == "Linear":
            return True
        if node.op in _KEEPING_CLASSES or (node.op == "layer" and "dropout" in str(node.get("kind")).lower()):
            stack += [arg for arg in node.args if arg.op != "const"]
    return False


def _may_be_of_one_choice(recon: Reconstruction, kl: Divergence) -> bool:
    """Whether scores that are not read are compared with something else than what is encoded: one label, or many.

    What either is reshaped or cut to says that there are several of a sample.
    """
    scores, label = recon.first, recon.second
    while scores.args and scores.op in _KEEPING_CLASSES:
        scores = scores.args[0]
    while label.args and label.op in (*_KEEPING_CLASSES, "move"):
        label = label.args[0]
    return scores.op in _UNREAD and is_given(label) and strip(label) is label and not contains(kl.location, label.uid)


def _is_anything(side: Expr) -> bool:
    """Whether a function was handed what it compares by a name that does not say what it is."""
    while side.args and side.op in TRANSPARENT:
        side = side.args[0]
    name = side.get("name") if side.op == "atom" else None
    return isinstance(name, str) and likely_role_of(name.strip("[]'\"")) not in _SIDES


def _is_below_samples(side: Expr, other: Expr) -> bool:
    """Whether what is compared was given the axis of several samples of each: before that of the batch, or behind it.

    The one behind it is that of channels where what it is compared with is computed from it.
    """
    node = side
    while node.args and node.op in TRANSPARENT:
        if node.op == "unsqueeze" and node.get("sizes") == (0,):
            return True
        if node.op == "unsqueeze" and node.get("sizes") == (1,):
            bare = strip(node).uid
            added = (each for each in walk(other) if each.op == "unsqueeze")
            return contains(other, bare) and all(strip(each).uid != bare for each in added)
        node = node.args[0]
    return False


def _is_one_number(reduced: Reduced, reading: JointLoss, losses: Losses) -> bool:
    """Whether an error that keeps a sample's axes is differentiated as it is: only with one entry can it be."""
    return (
        reduced.event is Reduction.KEPT
        and reduced.batch is not Reduction.KEPT
        and any(value.uid == reading.total.uid for value in losses.backward)
    )


def _computed_from(output: Expr, given: Expr) -> bool:
    """Whether one side of a loss is made by layers from the other, as a reconstruction is from its target.

    Or whether the one is made by layers, and the other from a loader's items without any.
    """
    bare = strip(given)
    if _is_of_a_loader(given) and any(node.op == "layer" for node in walk(output)):
        return True
    if not is_given(given) or strip(output).uid == bare.uid:
        return False
    layers = (node for node in walk(output) if node.op == "layer" and is_made_from(output, node.uid))
    return any(is_made_from(node, bare.uid) for node in layers)


def _is_of_a_loader(value: Expr) -> bool:
    """Whether a value is made of what a loader hands out, and of nothing that is learned, drawn or not known."""
    nodes = list(walk(value))
    taken = [node for node in nodes if node.op in ("batch", "data", "label")]
    return bool(taken) and not any(node.op in ("layer", "weight", "parameter", "noise", "atom") for node in nodes)


def _is_guarded(target: Expr) -> bool:
    """Whether a target is computed, and a clamp keeps what was computed from running away: its ends are no range."""
    bare = strip(target)
    if bare.op != "clamp" or interval_of(bare) in _RANGES:
        return False
    return not (is_given(bare.args[0]) or is_data(bare.args[0]))


def _has_a_range_of_its_own(node: Expr) -> bool:
    return has_unknown_range(node) or bool(node.op in ("batch", "data") and node.get("own"))


def _brought_there(target: Expr, interval: Interval) -> Expr:
    """What brings data into an interval: not where some of them are picked, or put in another shape, for the loss."""
    node = written(target)
    while node.op in _SHAPED and interval_of(node.args[0]) == interval:
        node = written(node.args[0])
    return node


def data_facts(
    prediction: Expr | None,
    target: Expr | None,
    kind: Likelihood | None,
    around: Fact[Interval] | None,
    mean: Expr | None = None,
) -> Data:
    """Where the data lie, as the target itself tells or the pipelines `around` the model do, and their axis order.

    A target of classes has numbers that stand for them, and lies nowhere. The `mean` of the posterior tells on which
    scale the encoder takes them.
    """
    if is_of_features(prediction, target):
        return Data()
    order = layout.axis_order(prediction, target)
    if target is None or kind is Likelihood.CROSS_ENTROPY:
        return Data(axis_order=order)
    if target.op == "opaque" and target.get("name") == links.GIVEN:
        return Data(interval=Fact(UNIT, replace(origin(target), how=Provenance.DERIVED)), axis_order=order)
    taken = entering(mean, target)
    if columns.is_centred(target):
        place = origin(written(target))
        return Data(interval=Fact(REAL, place), axis_order=order, entering=taken, centred=Fact(True, place))
    interval: Interval | None = None if _is_guarded(target) else columns.lies_in(target)
    if interval is not None and not interval.width:
        # What is filled with one number stands for data that are put in its place elsewhere.
        return Data(axis_order=order, entering=taken)
    if interval is not None:
        return Data(interval=Fact(interval, origin(_brought_there(target, interval))), axis_order=order, entering=taken)
    # What a data set of the project hands out is not what the pipelines around give, though its range is not known.
    given = is_as_given(target) and not any(map(_has_a_range_of_its_own, walk(target)))
    return Data(interval=around if given else None, axis_order=order, entering=taken)
