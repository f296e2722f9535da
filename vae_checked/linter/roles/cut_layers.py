"""Layers of the encoder that no gradient reaches: they stand before a detach on every way to the loss."""

from __future__ import annotations

from functools import partial

from vae_checked.facts import Fact
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.roles import ungiven_gradients
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.frozen_parts import freezes
from vae_checked.linter.roles.objective import Losses, handed_on
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import NO_GRAD, Expr, origin, walk
from vae_checked.linter.symbols.observations import ProjectObservations
from vae_checked.linter.symbols.registered import serials
from vae_checked.linter.symbols.values import Class, Instance


def read(
    losses: Losses, observed: ProjectObservations, site: SamplerSite | None, kl: Divergence | None
) -> Fact[tuple[str, ...]] | None:
    """The layers that are cut off; whether there are none is open where nothing may be differentiated at all."""
    lost = _without_gradient(losses, observed, site, kl)
    is_none = lost is not None and not lost.value
    return None if is_none and losses.read_once(ungiven_gradients.may_lack) else lost


def _without_gradient(
    losses: Losses, observed: ProjectObservations, site: SamplerSite | None, kl: Divergence | None
) -> Fact[tuple[str, ...]] | None:
    """Layers of the encoder that stand before a detach on every way to the loss.

    None where no layer is seen, or where one that the model builds is not seen to be trained. Also where the optimizer
    of the others is given none of those that are cut off: what another network makes is data of this one.
    """
    location = site.location if site is not None else kl.location if kl is not None else None
    totals = [value for value in losses.totals if location is not None and losses.graph.holds(value, location.uid)]
    if location is None or not totals:
        return None
    # What stands under no_grad may be meant to stay as it is.
    cuts = [node for node in walk(location) if node.op == "detach" and node.get("known") not in ("sample", NO_GRAD)]
    # The latents of another posterior that are cut off are data here: what encodes them is a first stage.
    drawn = [other.z.uid for other in losses.samples]
    cuts = [cut for cut in cuts if not any(losses.graph.holds(cut, uid) for uid in drawn)]
    # A layer may be trained where it is applied to something else.
    trained = losses.trained
    for node in cuts:
        if not losses.flow.reaches(totals, node.uid):
            continue
        below = [item for item in walk(node) if item.op == "layer" and item.get("outputs") is not None]
        lost = [item for item in below if item.get("serial") not in trained]
        if lost and len(lost) == len(below):
            if _are_of_another(frozenset(map(_number, lost)), frozenset(trained), observed):
                return None
            return Fact(tuple(dict.fromkeys(origin(item).source for item in lost)), origin(node))
    # Of a model that is not read it is not known what it has; a part of one, as an encoder, is not all of it.
    numbers = {node.get("serial") for node in walk(location) if node.op == "layer"}
    models = [held for held in losses.evaluation.read_once(_built) if not held.isdisjoint(numbers)]
    built = frozenset[object]().union(*models)
    seen = bool(built) and built <= trained and built <= losses.read_once(differentiated)
    seen = seen and not any(map(partial(_is_run_in_part, losses), losses.evaluation.read_once(models_run)))
    # Parts that are switched off get none, whatever a loss would give them.
    return Fact((), origin(totals[0])) if seen and not freezes(losses.evaluation) else None


def _are_of_another(lost: frozenset[object], trained: frozenset[object], observed: ProjectObservations) -> bool:
    """Whether an optimizer is known whole that holds layers which are trained, and none is given any of some others."""
    known = list(observed.optimizers())
    are_whole = not any(each.is_open or each.perhaps & lost for each in known)
    return are_whole and any(each.perhaps & trained for each in known)


def _number(layer: Expr) -> object:
    return layer.get("serial")


def _built(evaluation: Evaluation) -> list[frozenset[int]]:
    """The numbers of the layers of each model that is run."""
    return [serials(model) for model in evaluation.read_once(models_run)]


def _is_run_in_part(losses: Losses, model: Instance) -> bool:
    """Whether a model holds one of a library, of which the pass runs a part alone: `self.trunk.layer1(x)`."""
    held = model.attributes.items()
    unread = {value.uid for _, value in held if isinstance(value, Expr) and value.op == "opaque"}
    if not unread:
        return False
    # A part that is held by a name of its own is called by that.
    parts = {f".{name}": value for name, value in held if isinstance(value, Expr) and value.op == "attribute"}
    reached = losses.flow.reached(losses.totals)
    whole: set[int] = set()
    some: set[int] = set()
    for node in losses.graph.having("opaque", "call"):
        name = str(node.get("name"))
        part = next((value for end, value in parts.items() if name.startswith("method:") and name.endswith(end)), None)
        callee = part if part is not None else node.args[0] if len(node.args) > 1 else None
        if callee is None or node.uid not in reached:
            continue
        below = {each.uid for each in walk(callee)} & unread
        (whole if callee.uid in unread and name == "call" else some).update(below)
    return not some <= whole


def models_run(evaluation: Evaluation) -> list[Instance]:
    """Each model, and each part of one, that a method of which is run."""
    roots = evaluation.observations.roots if evaluation.model is None else evaluation.model.observations.roots
    owners = [root.function.bound for root in roots if root.function is not None]
    models = {id(each): each for each in owners if isinstance(each, Instance) and _may_be_a_model(each.cls)}
    return list(models.values())


def _may_be_a_model(cls: Class) -> bool:
    """Whether a class is one of torch's modules, or has a pass and a base that is not read."""
    return cls.is_module or (bool(cls.external_bases()) and cls.find("forward") is not None)


def differentiated(losses: Losses) -> frozenset[object]:
    """The serials of the layers that what is differentiated moves, where it is seen; else those that any loss does."""
    ends = losses.read_once(handed_on)
    if not ends:
        return losses.trained
    reached = losses.flow.reached(ends)
    return frozenset(node.get("serial") for node in losses.graph.having("layer") if node.uid in reached)
