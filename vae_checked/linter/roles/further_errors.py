"""Errors beside the reconstruction, of something else that is decoded from z: whether its activation is one too many.

Columns of numbers and of classes, or a picture and its label, have an error each. The balance of a loss is judged of
the reconstruction alone; what a loss takes of its argument is judged of each.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from typing import TypeVar

from vae_checked.facts import REAL, UNIT, Fact, Facts, Likelihood, Recon, Reduced
from vae_checked.linter.roles import chosen_models, reconstructions, targets
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.likelihood import output_facts, recon_facts, sides
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import Expr, origin, strip
from vae_checked.record import replace

T = TypeVar("T")
# How many are read beside an error: what is one of many, as in a hierarchy, is not clean.
_MAX_READ = 3
# Of how many it is asked whether they are of what is made of an output, as of the features of each layer.
_MAX_LOOKED_AT = 12
# What is said of an error by how it stands in a loss.
_KIND, _REDUCED = "recon.kind", "recon.reduced"
_OF_AN_ERROR = (_KIND, "recon.swapped", "recon.sign", _REDUCED)
# What may be a network, or a part of one.
_APPLIED = frozenset(("layer", "matmul", "opaque", "call"))


def facts(site: SamplerSite, chosen: Iterable[Reconstruction], losses: Losses) -> Iterator[Facts]:
    """What is read of the errors of scores that z is decoded into, in one loss with those that are `chosen`."""
    known = [recon for recon in chosen if recon.kind is not None]
    if losses.evaluation.loss_is_one_of_several:
        # Which of the losses goes with the model is not known.
        return
    for recon in losses.recons:
        # That it takes scores is asked first: it is the same for all of many samplers.
        if not _takes_scores(recon) or any(recon.term.uid == each.term.uid for each in known):
            continue
        if not losses.holds_one(recon, site.z.uid):
            continue
        if not any(losses.hold_both(recon, each) for each in known) or not _is_activated(recon, site, losses):
            continue
        prediction, target = sides(site, recon)
        if recon.kind is not None:
            yield Facts(
                losses.evaluation.subject,
                output=output_facts(prediction, target, None, recon),
                recon=Recon(kind=Fact(recon.kind, origin(recon.term))),
            )


def left_open(
    own: Iterable[Facts],
    site: SamplerSite,
    kl: Divergence | None,
    chosen: Iterable[Reconstruction],
    losses: Losses,
) -> Iterator[Facts]:
    """Facts of the errors that are `chosen`; nothing is clean by what another one in their loss departs in."""
    chosen = list(chosen)
    known = [recon for recon in chosen if recon.kind is not None]
    others = [recon for recon in losses.recons if known and _is_another(recon, site, known, losses)]
    read = [_of_an_error(recon, site, kl, losses) for recon in others[:_MAX_READ]]
    for index, item in enumerate(own):
        open_ = dict(item.elsewhere)
        for place, other in enumerate(others) if item.recon.kind is not None else ():
            alike = place < _MAX_LOOKED_AT and _is_of_output(other, chosen[index], site, losses)
            if place < len(read):
                named = _is_of_classes(other) and _is_activated(other, site, losses)
                departs = set(_departing(item, read[place], of_same=alike, named=named))
            else:
                takes_any = alike and other.kind is not None and other.kind.symmetric
                departs = set(_OF_AN_ERROR[1:] if takes_any else _OF_AN_ERROR)
            if _REDUCED in departs and alike and _is_beside(other, chosen[index], site, losses):
                departs.remove(_REDUCED)
            reason = f"{origin(other.term).source} is minimised with this reconstruction, and is not judged"
            open_.update(dict.fromkeys(departs, reason))
        yield item if open_ == item.elsewhere else replace(item, elsewhere=open_)


def _is_another(recon: Reconstruction, site: SamplerSite, known: list[Reconstruction], losses: Losses) -> bool:
    """Whether an error of something that is decoded from z stands in one loss with some that are known, and in none."""
    if not losses.holds_one(recon, site.z.uid) or not any(losses.hold_both(recon, each) for each in known):
        return False
    graph, terms = losses.graph, [each.term for each in known]
    return not any(graph.holds(term, recon.term.uid) or graph.holds(recon.term, term.uid) for term in terms)


def _of_an_error(recon: Reconstruction, site: SamplerSite, kl: Divergence | None, losses: Losses) -> Facts:
    """What is read of one error by itself."""
    reading = None if kl is None else losses.read(kl, recon)
    prediction, target = sides(site, recon)
    return Facts(
        losses.evaluation.subject,
        output=output_facts(prediction, target, None, recon),
        recon=recon_facts(site, recon, kl, reading, losses),
    )


def of_others(recons: Iterable[Reconstruction], site: SamplerSite, losses: Losses) -> Iterator[Reconstruction]:
    """The errors of what is made of the output that another one compares."""
    outputs = [(recon, sides(site, recon)[0]) for recon in recons]
    known = [(recon, strip(output)) for recon, output in outputs if output is not None]
    for recon, output in known:
        if any(output.uid != other.uid and losses.graph.holds(output, other.uid) for _, other in known):
            yield recon


def _is_of_output(other: Reconstruction, recon: Reconstruction, site: SamplerSite, losses: Losses) -> bool:
    """Whether an error compares what a reconstruction compares, or what is made of that: edges, or features."""
    (prediction, _), (output, _) = sides(site, other), sides(site, recon)
    return prediction is not None and output is not None and losses.graph.holds(prediction, strip(output).uid)


def _is_beside(other: Reconstruction, recon: Reconstruction, site: SamplerSite, losses: Losses) -> bool:
    """Whether an error of what is made of an output is no second reconstruction of the data: its balance is its own.

    Edges and spectra are none, nor is what a critic or a network of features says of the output; what another network
    makes of it to be compared with the data again is one.
    """
    (prediction, target), (output, data) = sides(site, other), sides(site, recon)
    if prediction is None or output is None or strip(prediction).uid == strip(output).uid:
        return False
    if not _passes_a_network(prediction, strip(output), losses):
        return True
    is_same = target is not None and data is not None and strip(target).uid == strip(data).uid
    return not is_same and not targets.is_of_input(other, site, losses.graph)


def _passes_a_network(value: Expr, output: Expr, losses: Losses) -> bool:
    """Whether a network stands between an output and what is made of it."""
    made_of_it = losses.graph.holding(output.uid)
    stack, seen = [value], {output.uid}
    while stack:
        node = stack.pop()
        if node.uid in seen or node.uid not in made_of_it:
            continue
        if node.op in _APPLIED:
            return True
        seen.add(node.uid)
        stack += node.args
    return False


def _departing(item: Facts, other: Facts, *, of_same: bool, named: bool) -> Iterator[str]:
    """The facts of an error that are not known to be the same of another one.

    Where both are `of_same` output, an error that takes any value leaves it in the range that it is judged in, and so
    does one that is given what it takes. What is wrong with the range of the other one may be `named` by itself.
    """
    needed, given = (None if each.recon.kind is None else each.recon.kind.value for each in (item, other))
    same_needs = needed is not None and given is not None and needed.prediction == given.prediction
    alike = same_needs and _value(item.output.interval) == _value(other.output.interval)
    of_output = of_same and given is not None and (given.symmetric or _fits(other))
    if not (alike or of_output or named or _takes_anything(other)):
        yield _KIND
    for path in _OF_AN_ERROR[1:]:
        read = operator.attrgetter(path)
        if standing(read(item)) != standing(read(other)):
            yield path


def _takes_anything(other: Facts) -> bool:
    """Whether an error takes any value, and is of one that nothing bounds: its range leaves nothing to depart in."""
    kind = _value(other.recon.kind)
    takes_any = kind is not None and (kind.symmetric or kind is Likelihood.CROSS_ENTROPY)
    return takes_any and _value(other.output.interval) == REAL


def _fits(other: Facts) -> bool:
    """Whether an error is given what it takes: a probability, or scores that are none."""
    kind, given = _value(other.recon.kind), _value(other.output.interval)
    if kind is None or given is None:
        return False
    is_probability = UNIT.contains(given)
    return is_probability if kind is Likelihood.BCE else kind is Likelihood.BCE_WITH_LOGITS and not is_probability


def standing(fact: Fact[T] | None) -> T | Reduced | None:
    """What a term is by itself: a weight of its own says nothing of the axes that it is reduced over."""
    value = _value(fact)
    return Reduced(value.batch, value.event, over_batch=value.over_batch) if isinstance(value, Reduced) else value


def _value(fact: Fact[T] | None) -> T | None:
    return None if fact is None else fact.value


def _is_of_classes(recon: Reconstruction) -> bool:
    """Whether a loss of classes takes what a softmax made, which is named of each such loss."""
    return recon.kind is Likelihood.CROSS_ENTROPY and reconstructions.bounded_scores(recon) is not None


def _takes_scores(recon: Reconstruction) -> bool:
    return recon.kind is Likelihood.BCE_WITH_LOGITS or reconstructions.bounded_scores(recon) is not None


def _is_activated(recon: Reconstruction, site: SamplerSite, losses: Losses) -> bool:
    """Whether a loss of scores takes what came out of an activation, whatever is set."""
    prediction, _ = sides(site, recon)
    if prediction is None or not losses.graph.holds(prediction, site.z.uid):
        return False
    if recon.kind is Likelihood.BCE_WITH_LOGITS and reconstructions.activations(prediction)[1] is None:
        return False
    return not (
        chosen_models.is_of_another(recon, losses.evaluation)
        or reconstructions.is_optional(recon, prediction, losses.recons)
        or reconstructions.is_chosen(recon, losses.unsettled)
        or reconstructions.is_one_of_several(prediction, losses.unsettled)
    )
