"""Why facts of a VAE are not known: the reason, and the expression that stopped the reading, as far as it was met."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from vae_checked.facts import Fact, Facts, Origin
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.files import syntax
from vae_checked.linter.roles import (
    capacities,
    class_posteriors,
    counted_weights,
    cut_in_one_arm,
    flows,
    gradients,
    moved_means,
    other_draws,
    reductions,
    relabelled,
    samplers,
    settings_apart,
    ungiven_gradients,
    unread_errors,
    validations,
)
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.objective import JointLoss, Losses
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import Expr, origin, strip, walk
from vae_checked.mathematics.reductions import read
from vae_checked.record import replace
from vae_checked.text import in_short

# Between a layer and the heads that it gives there are fewer nodes.
_MOST_NODES = 60
# What is said of a KL and a reconstruction by how they stand in one loss.
_OF_A_KL = ("kl.form", "kl.sign", "kl.factor", "kl.reduced")
_OF_A_DRAW = ("sampler.std", "sampler.noise", "sampler.shared_over", "sampler.gradient_reaches", "sampler.timing")
_OF_OUTPUT = ("output.activations", "output.interval")
_OF_HEADS = ("heads.mu", "heads.second", "heads.overflow")
_OF_BOTH = ("kl.sign", "kl.factor", "kl.reduced", "recon.reduced", "recon.sign")


def explained(
    facts: Facts,
    site: SamplerSite | None,
    kl: Divergence | None,
    recon: Reconstruction | None,
    reading: JointLoss | None,
    prediction: Expr | None,
    losses: Losses,
) -> Facts:
    """`facts` with a reason for those of the core that are not known."""
    gaps = {
        **dict(_of_sampler(site)),
        **dict(_of_terms(site, kl, recon, losses)),
        **dict(_of_reductions(site, kl, recon, reading, losses)),
        **dict(_of_output(None if facts.output.interval is not None else prediction)),
        "data.interval": Fact("no pipeline of the data was seen"),
    }
    if losses.evaluation.order_is_supposed:
        gaps["heads.source"] = Fact("the model that the loss is called with was not followed: its order may be another")
    if facts.kl.unread is not None:
        gaps["kl.form"] = _at(facts.kl.unread.origin, "the prior next to {} is not read")
    missing = {path: gap for path, gap in gaps.items() if facts.get(path) is None}
    places = {path: gap.origin.place for path, gap in missing.items() if gap.origin.place is not None}
    return replace(
        facts,
        unobserved={path: gap.value for path, gap in missing.items()},
        stopped_at=places,
        elsewhere=dict(_of_what_is_minimised(kl, recon, reading, losses))
        | dict(_of_other_parts(prediction, site, losses))
        | dict(_of_arrays(losses.evaluation))
        | dict(_on_another_way(kl, recon, site, losses)),
    )


def _of_what_is_minimised(
    kl: Divergence | None, recon: Reconstruction | None, reading: JointLoss | None, losses: Losses
) -> Iterator[tuple[str, str]]:
    """What a loss by itself tells of its terms is not known of what is minimised where that is made of it otherwise."""
    if kl is None or recon is None or reading is not None or not losses.are_differentiated(kl, recon):
        return
    if not _is_read_where_it_trains(kl, recon, losses):
        reason = "how this KL and the reconstruction stand in what is differentiated is not read"
        taken_off = (node for node in losses.graph.having("sub") if losses.minimises(node))
        ends = ("kl.in_loss",) if any(_holds_twice(node, kl.term.uid, losses) for node in taken_off) else ()
        yield from ((path, reason) for path in (*_OF_BOTH, *ends))


def _of_arrays(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    """The order of the axes is not known where pictures are made of an array by a view that is not followed."""
    view = evaluation.read_once(relabelled.of_an_array)
    if view is not None:
        where = in_short(origin(view).source)
        yield "data.axis_order", f"whether {where} keeps the axes of the array in their order is not known"


def _of_other_parts(prediction: Expr | None, site: SamplerSite | None, losses: Losses) -> Iterator[tuple[str, str]]:
    """What is known of the output of one decoder is not known of another one that is made in its place.

    Nor is what is known of the heads of one encoder.
    """
    parts = losses.evaluation.open_parts()
    if not parts:
        return
    drawn = [] if site is None else [site.location, site.scale]
    for paths, values in ((_OF_OUTPUT, [] if prediction is None else [prediction]), (_OF_HEADS, drawn)):
        seen = {site.z.uid} if site is not None else set[int]()
        pending = list(values)
        while pending:
            node = pending.pop()
            if node.uid not in seen:
                seen.add(node.uid)
                pending += node.args
                within = node.get("within")
                name = next((each for each in parts if isinstance(within, tuple) and each in within), None)
                if name is not None:
                    yield from ((path, other_part(name)) for path in paths)
                    break


def other_part(name: str) -> str:
    """Why nothing is clean that a part of a class gives, where another class may be taken in its place."""
    return f"a setting chooses another class in the place of {name}"


def _is_read_where_it_trains(kl: Divergence, recon: Reconstruction, losses: Losses) -> bool:
    """Whether these are what a validation makes once more of terms whose loss is read in training."""
    if any(losses.graph.holds(end, kl.term.uid) and losses.graph.holds(end, recon.term.uid) for end in losses.backward):
        return False
    ones = [one for one in losses.kls if _are_one(one.term, kl.term)]
    others = [other for other in losses.recons if _are_one(other.term, recon.term)]
    return any(losses.read(one, other) is not None for one in ones for other in others)


def _are_one(one: Expr, other: Expr) -> bool:
    """Whether two values are written as one."""
    nodes = [each.site.node for each in (one, other) if each.site is not None]
    return len(nodes) > 1 and nodes[0] is nodes[1] and one.op == other.op


def _holds_twice(difference: Expr, term: int, losses: Losses) -> bool:
    return all(losses.graph.holds(side, term) for side in difference.args)


def _is_of_another_alone(kl: Divergence, recon: Reconstruction, losses: Losses) -> bool:
    """Whether what is differentiated holds an error of what this KL's draw is decoded to, and a KL of other heads."""
    ends = [end for end in losses.backward if losses.graph.holds(end, recon.term.uid)]
    if not ends or any(losses.graph.holds(end, kl.term.uid) for end in losses.backward):
        return False
    others = [other for other in losses.kls if strip(other.location).uid != strip(kl.location).uid]
    return any(losses.graph.holds(end, other.term.uid) for end in ends for other in others)


def _on_another_way(
    kl: Divergence | None, recon: Reconstruction | None, site: SamplerSite | None, losses: Losses
) -> Iterator[tuple[str, str]]:
    """What is known of a draw, of a KL and of its error is not known of what stands there on another way."""
    drawn = None if site is None else other_draws.on_another_way(site, losses)
    if drawn is not None:
        reason = _at(origin(drawn), "in another branch z is drawn with {}, which is not read").value
        yield from ((path, reason) for path in _OF_A_DRAW)
    if losses.read_once(ungiven_gradients.may_lack):
        yield "training.without_gradient", "that each step takes a gradient of this loss was not seen"
    trainers = sorted(losses.evaluation.open_trainers())
    if trainers:
        yield (
            "training.without_optimizer",
            f"a setting chooses whether {trainers[0]} or another class trains here",
        )
    if losses.tests_for_nan:
        yield "training.hidden_nan", "whether a value is NaN is asked, and what is done then was not read"
    if kl is None:
        apart = recon is not None and any(losses.graph.holds(end, recon.term.uid) for end in losses.backward)
        if site is not None and apart and any(map(losses.is_differentiated, losses.kls)):
            reason = "another loss of the same model is differentiated as well, and no KL is read in it"
            yield from ((path, reason) for path in (*_OF_A_KL, "kl.in_loss"))
        return
    if recon is not None and _is_of_another_alone(kl, recon, losses):
        reason = "the KL of another latent is differentiated with this error, and that of this one is not seen in it"
        yield "kl.in_loss", reason
    other = settings_apart.unread_way(kl, losses)
    if other is not None:
        reason = _at(origin(other), "in another branch {} stands in the place of this KL").value
        yield from ((path, reason) for path in _OF_A_KL)
    of_classes = class_posteriors.divergence_beside(kl, losses)
    if of_classes is not None:
        yield "kl.unread", _at(origin(of_classes), "the direction of {} next to this KL is not read").value
    cut = cut_in_one_arm.choice(kl, losses)
    if cut is not None:
        yield "kl.in_loss", _at(origin(cut), "the KL is added without its gradient where a condition chooses {}").value
    held = counted_weights.held_back(kl, losses)
    if held is not None:
        yield "kl.in_loss", _at(origin(held.node), "the KL waits for {}, and training may end before it").value
    shown = validations.other_loss(kl, losses)
    if shown is not None:
        reason = _at(origin(shown), "this KL is only shown: {} has its heads in it, and no gradient by it").value
        yield from ((path, reason) for path in _OF_A_KL)
    mean = moved_means.drawn_about(site, kl)
    if mean is not None:
        reason = _at(origin(mean), "z is drawn about {}, which is not the mean of this KL").value
        yield from ((path, reason) for path in ("kl.form", "sampler.timing"))
    head = moved_means.drawn_with(site, kl)
    if head is not None:
        reason = _at(origin(head), "z is drawn with {}, which is not the head for std of this KL").value
        yield from ((path, reason) for path in ("kl.form", "sampler.timing"))
    determinant = flows.determinant_beside(kl, site, losses)
    if determinant is not None:
        reason = _at(origin(determinant), "with {} in the loss, what is decoded is another z than this KL is of").value
        yield "kl.form", reason
    error = None if recon is None or recon.kind is None else unread_errors.on_another_way(kl, recon, site, losses)
    if error is not None:
        reason = _at(origin(error), "in another branch {} stands in the place of this reconstruction").value
        yield from ((path, reason) for path in ("recon.kind", *_OF_BOTH))


_Gaps = Iterator[tuple[str, Fact[str]]]


def _of_sampler(site: SamplerSite | None) -> _Gaps:
    if site is None:
        nothing = Fact("no draw was seen that uses the heads of this KL")
        yield from ((f"sampler.{name}", nothing) for name in ("std", "noise", "shared_over", "gradient_reaches"))
        return
    yield "sampler.std", _at(origin(site.scale), "{} is not read as a function of one head")
    factor = samplers.unknown_factor(site.scale)
    if factor is None:
        yield "sampler.noise", _at(origin(site.noise), "which distribution {} comes from is not known")
    else:
        yield "sampler.noise", _at(origin(factor), "{} scales the noise, and its number is not known")
    yield "sampler.shared_over", _at(origin(site.noise), "whether {} has the shape of the heads is not known")


def _of_terms(site: SamplerSite | None, kl: Divergence | None, recon: Reconstruction | None, losses: Losses) -> _Gaps:
    """A term that was not found may stand in a call that is not read."""
    bound = None if kl is None else gradients.bounded_at(kl, losses)
    if bound is not None:
        yield "kl.in_loss", _at(origin(bound), "above the bound in {} the KL has no gradient")
    if kl is None:
        yield "kl.form", _without_term(site, losses, "a KL of these heads", of_heads=True)
    if recon is None:
        yield "recon.kind", _without_term(site, losses, "an error between what is decoded from z and the data")


def _without_term(site: SamplerSite | None, losses: Losses, such: str, *, of_heads: bool = False) -> Fact[str]:
    """Why no part of a loss was found that is `such`: it is made of z, or of the heads where it is `of_heads`.

    A call that is not read may hide it where it takes these. What else is not read hides nothing of a draw that some
    loss is made of.
    """
    if not losses.ends:
        return Fact("no loss was seen that this model is trained by" if site is not None else "no loss was seen")
    unread, unfollowed = losses.read_once(_unread), losses.evaluation.module.unfollowed
    taking = losses.read_once(_taking_layers) if site is None else _taking(site, losses, of_heads=of_heads)
    if unfollowed and ((taking or unread) is None or _is_of_a_bare_name(taking or unread)):
        return _at(unfollowed[0], "{} is not followed")
    if taking is not None:
        return _unresolved(taking)
    if site is None:
        return Fact(f"no part of the loss is read as {such}")
    if losses.trains(site.z):
        return _at(origin(_whole(site, losses)), f"no part of {{}} is read as {such}")
    hidden = next((end for end in map(strip, losses.ends) if _is_unread_call(end)), None)
    words = "no loss that was read is computed from the draw {}"
    if hidden is not None:
        words = f"{_escaped(_unresolved(hidden, in_words=True).value)}, and {words}"
    return _at(origin(site.z), words)


def _whole(site: SamplerSite, losses: Losses) -> Expr:
    """The loss that is made of z, and of the other losses that are: one that is differentiated before others."""
    made = [end for end in losses.ends if losses.graph.holds(end, site.z.uid)]
    trained = [end for end in losses.backward if losses.graph.holds(end, site.z.uid)] or made
    return next(
        (end for end in trained if not any(other is not end and losses.graph.holds(other, end.uid) for other in made)),
        trained[0],
    )


def _taking_layers(losses: Losses) -> Expr | None:
    """The outermost call in a loss that is not read and takes what layers, or other such calls, give."""
    made = ("layer", "call", "opaque")
    calls = losses.read_once(_unread_calls)
    return next((call for call in calls if any(node.op in made for node in walk(*call.args))), None)


def _unresolved(call: Expr, *, in_words: bool = False) -> Fact[str]:
    """The call that is not read, its place `in_words` or apart; of `loss.backward()` it is what is differentiated."""
    node, where = None if call.site is None else call.site.node, origin(call)
    at = f" at {where.place}" if in_words else ""
    if isinstance(node, ast.Call) and syntax.called(node) == "backward":
        return _at(where, f"what {{}}{at} differentiates is not read")
    return _at(where, f"{{}}{at} is not resolved")


def _escaped(words: str) -> str:
    return words.replace("{", "{{").replace("}", "}}")


def _taking(site: SamplerSite, losses: Losses, *, of_heads: bool) -> Expr | None:
    """The outermost call in a loss that is not read and takes z; where it is `of_heads`, the heads, and not by z."""
    calls = losses.read_once(_unread_calls)
    if not calls:
        return None
    made = {node.uid for node in _made_at_once(site.location, site.scale)} if of_heads else {site.z.uid}
    above = losses.graph.holding_through(made, lambda node: node.uid != site.z.uid)
    return next((call for call in calls if call.uid in above - made), None)


def _unread_calls(losses: Losses) -> list[Expr]:
    """The calls in losses that are not read, outer ones first."""
    return list(filter(_is_unread_call, walk(*map(strip, losses.ends))))


def _made_at_once(*heads: Expr) -> Iterator[Expr]:
    """The heads and what they are parts of, down to the layer or the call that gives both."""
    stack, seen = [*heads], set[int]()
    while stack and len(seen) < _MOST_NODES:
        node = stack.pop()
        if node.uid not in seen and (node.args or _is_unread_call(node)):
            seen.add(node.uid)
            yield node
            if node.op not in ("layer", "noise") and not _is_unread_call(node):
                stack.extend(node.args)


def _of_reductions(
    site: SamplerSite | None,
    kl: Divergence | None,
    recon: Reconstruction | None,
    reading: JointLoss | None,
    losses: Losses,
) -> _Gaps:
    if kl is None:
        return
    if reading is None and site is not None and recon is not None and not losses.holds_one(recon, site.z.uid):
        gap = _at(origin(recon.term), "no way from z to {} was read")
        yield from ((path, gap) for path in _OF_BOTH)
        return
    if reading is None:
        added = "a reconstruction error to {}" if recon is None else "{} once and the reconstruction error once"
        gap = _at(origin(kl.term), f"no loss was read that adds {added}")
        yield from ((path, gap) for path in _OF_BOTH)
        return
    around = capacities.held_around(kl, reading, losses)
    yield (
        "kl.sign",
        _at(origin(reading.total), "with which sign the KL stands in {} is not known")
        if around is None
        else _at(origin(around), "{} falls as the KL rises where that is below what it is held around"),
    )
    yield "kl.reduced", _of_axes(reading.total, kl.term, losses)
    if recon is not None:
        yield "recon.reduced", _of_axes(reading.total, recon.term, losses)


def _of_axes(total: Expr, term: Expr, losses: Losses) -> Fact[str]:
    """What keeps the axes of a term from being followed up to the loss: the first step that is not read, or its own."""
    for way in reductions.trained_ways(total, term.uid, losses.graph):
        steps = reductions.steps_of(way)
        for place in reversed(range(len(steps))):
            if read(steps[place:], None) is None:
                uid, _ = way[place]
                step = next(node for node in losses.graph.towards(total, term.uid) if node.uid == uid)
                return _at(origin(step), "what {} does to the axes is not known")
    return _at(origin(term), "which axes of {} are those of one sample is not known")


def _of_output(prediction: Expr | None) -> _Gaps:
    unread = None if prediction is None else _first_call([prediction])
    if unread is not None:
        yield "output.interval", _at(origin(unread), "{} is not resolved")


def _unread(losses: Losses) -> Expr | None:
    """The outermost call in what is minimised, or else in what is called a loss, that is not read."""
    return _first_call(losses.backward) or _first_call(losses.ends)


def _first_call(values: Iterable[Expr]) -> Expr | None:
    return next(filter(_is_unread_call, walk(*map(strip, values))), None)


def _is_unread_call(node: Expr) -> bool:
    return node.op in ("call", "opaque") and node.site is not None and isinstance(node.site.node, ast.Call)


def _is_of_a_bare_name(call: Expr | None) -> bool:
    node = None if call is None or call.site is None else call.site.node
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


def _at(where: Origin, words: str) -> Fact[str]:
    """The reason with the expression in it as it is written, shortened to a few words."""
    return Fact(words.format(in_short(where.source)), where)
