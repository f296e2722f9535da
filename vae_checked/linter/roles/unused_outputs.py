"""Layers whose output a model hands out, or gives a name, and no loss uses, in whatever evaluation: they stay as made.

What is only shown, or what another step trains, may be handed out as well: a layer is one of these where every
`backward` of the code that runs the model was read, and none of them reaches it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Set

from vae_checked.facts import Fact, Facts, Origin, Training
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.files.source import SourceCell
from vae_checked.linter.roles import frozen_parts, listed_parts, ways
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.roles.shown import is_never_read
from vae_checked.linter.symbols.expression import Expr, Site, origin
from vae_checked.linter.symbols.observations import ProjectObservations, Spot, spot_of
from vae_checked.linter.symbols.registered import with_parameters
from vae_checked.linter.symbols.values import Instance, Layer, Module, opened
from vae_checked.linter.torch_model.optimizers import BACKWARD
from vae_checked.record import dataclass

# What differentiates, by the name that it is called by.
_DIFFERENTIATING = BACKWARD | {"grad", "jacobian", "vjp"}
# What libraries call for a loss that they differentiate, of whatever model.
_DIFFERENTIATED = frozenset(("training_step", "train_step", "compute_loss"))
# What may be another loss, or stops a gradient on purpose.
_OTHERWISE = ("opaque", "call", "detach")


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Layers of a VAE that the loss of one evaluation does not reach: by where each is made, where it is applied.

    `numbers` are theirs, by where each is made as well, and `trained` those of the layers that the loss reaches.
    """

    subject: str
    layers: dict[Spot, Origin]
    numbers: dict[Spot, set[object]]
    trained: Set[object]


class UnusedOutputs:
    """The layers that losses reach, over all evaluations, against those whose outputs are handed out."""

    def __init__(self, observed: ProjectObservations) -> None:
        self._observed = observed
        self._reached: set[Spot] = set()
        self._read: set[Spot] = set()
        self._is_cut = False
        self._modules: dict[str, Module] = {}
        self._candidates: list[_Candidate] = []

    def see(self, evaluation: Evaluation) -> None:
        """Take note of the files that an evaluation runs, to its end: what they differentiate has to be read."""
        self._is_cut = self._is_cut or bool(evaluation.observations.cuts)
        self._modules.update((module.path, module) for module in evaluation.modules())

    def note(self, losses: Losses) -> None:
        """Take note of the layers that the losses of an evaluation reach, and of where it differentiates them."""
        roots = losses.evaluation.observations.roots
        # What reaches no layer may reach one of a model that was handed in.
        open_ends = losses.read_once(_made_by_others)
        self._read.update(
            spot_of(root.site)
            for root in roots
            if root.kind == "backward" and not (isinstance(root.value, Expr) and root.value.uid in open_ends)
        )
        made = losses.evaluation.read_once(_made)
        self._reached.update(made[number] for number in losses.trained if number in made)

    def read(
        self, losses: Losses, site: SamplerSite | None, kl: Divergence | None, recon: Reconstruction | None
    ) -> None:
        """Take note of a VAE whose loss is read, and of its layers that this does not reach."""
        if site is None or kl is None or recon is None or recon.kind is None:
            return
        if any(losses.graph.holds(end, recon.term.uid) for end in losses.backward):
            found, numbers = _handed_out(losses, site, recon), dict[Spot, set[object]]()
            for number, spot in losses.evaluation.read_once(_made).items():
                numbers.setdefault(spot, set()).add(number)
            if found:
                self._candidates.append(_Candidate(losses.evaluation.subject, found, numbers, losses.trained))

    def facts(self) -> Iterator[Facts]:
        """The layers that no loss of any evaluation reaches, where all that is differentiated was read."""
        if (
            self._is_cut
            or not self._candidates
            or not all(module.read_once(_differentiated) <= self._read for module in self._modules.values())
        ):
            return
        for candidate in self._candidates:
            lost = [
                where
                for spot, where in candidate.layers.items()
                if spot not in self._reached and not self._is_filled(candidate.numbers[spot], candidate.trained)
            ]
            if lost:
                names = tuple(dict.fromkeys(where.source for where in lost))
                yield Facts(candidate.subject, training=Training(without_gradient=Fact(names, lost[0])))

    def _is_filled(self, layers: set[object], trained: Set[object]) -> bool:
        """Whether layers may get their weights from elsewhere, with none that the loss trains: stored or copied."""
        given = frozenset[Spot]().union(*(optimizer.spots for optimizer in self._observed.optimizers()))
        asked = (held for spot, held in self._observed.parameters().items() if spot not in given)
        filled = (*self._observed.loaded(), *asked)
        return any(not layers.isdisjoint(held) and held.isdisjoint(trained) for held in filled)


def _made(evaluation: Evaluation) -> dict[object, Spot]:
    """Where each layer with parameters of the model is made, by its number."""
    return {layer.serial: spot_of(layer.site) for layer in _layers(evaluation) if layer.site is not None}


def _sharing(evaluation: Evaluation) -> set[object]:
    """The numbers of the layers of the model that have one weight with another, as is set once both are made."""
    set_later = ((layer, value) for layer in _layers(evaluation) for value in layer.attributes.values())
    shared = ((layer, value) for layer, value in set_later if isinstance(value, Expr) and value.op == "weight")
    return {number for layer, value in shared for number in (layer.serial, value.get("layer"))}


def _layers(evaluation: Evaluation) -> Iterator[Layer]:
    model = (evaluation if evaluation.model is None else evaluation.model).read_once(listed_parts.model_of)
    return iter(()) if model is None else with_parameters(model)


def _made_by_others(losses: Losses) -> set[int]:
    """The uids of what unread calls have a part in, and no layer."""
    graph = losses.graph
    unread = graph.holding_any(node.uid for node in graph.having("opaque", "call"))
    return unread - graph.holding_any(node.uid for node in graph.having("layer"))


def _unreached(losses: Losses) -> list[Expr]:
    """The layers of the model that no loss reaches, and that have no part in its terms or in what is not read.

    Of what the terms are made of a mistake of its own says why it has no gradient.
    """
    evaluation, graph, made = losses.evaluation, losses.graph, losses.evaluation.read_once(_made)
    layers = [node for node in graph.having("layer") if node.get("serial") in made]
    left = losses.trained | evaluation.read_once(_sharing) | {node.get("layer") for node in graph.having("weight")}
    lost = [node for node in layers if node.get("serial") not in left]
    if not lost or frozen_parts.freezes(evaluation):
        return []
    if any(graph.holds(end, node.uid) for node in graph.having("written") for end in losses.backward):
        # What was written there is not followed: it may be made by any layer.
        return []
    terms = [*(kl.term for kl in losses.kls), *(recon.term for recon in losses.recons)]
    others = [*graph.having(*_OTHERWISE), *terms, *(each.z for each in losses.samples)]
    kept = evaluation.observations.handed_on
    return [
        node
        for node in lost
        if graph.holding(node.uid).isdisjoint(kept) and not any(graph.holds(other, node.uid) for other in others)
    ]


def _handed_out(losses: Losses, site: SamplerSite, recon: Reconstruction) -> dict[Spot, Origin]:
    """Of these the layers whose output is handed out beside what an error compares, or that nothing reads.

    By where each is made, where it is applied.
    """
    lost, made = losses.read_once(_unreached), losses.evaluation.read_once(_made)
    found: dict[Spot, Origin] = {}
    for values in losses.read_once(_returned) if lost else ():
        if any(_is_between(value, site, recon, losses) for value in values):
            for node in lost:
                if any(losses.graph.holds(value, node.uid) for value in values):
                    found.setdefault(made[node.get("serial")], origin(node))
    for node in lost:
        if any(losses.graph.holds(value, node.uid) for value in losses.read_once(_never_read)):
            found.setdefault(made[node.get("serial")], origin(node))
    return found


def _never_read(losses: Losses) -> list[Expr]:
    """What methods of objects give local names that nothing reads; what begins with `_` is left unread on purpose."""
    roots = (root for root in losses.evaluation.observations.roots if root.kind == "assign" and root.name)
    values = [
        root.value
        for root in roots
        if root.function is not None
        and isinstance(root.value, Expr)
        and isinstance(root.function.bound, Instance)
        and not root.name.startswith("_")
        and is_never_read(root.name, root.function.node)
    ]
    return [value for value in ways.in_all(losses.evaluation, values) if value in losses.graph]


def _returned(losses: Losses) -> list[list[Expr]]:
    """What each method of an object hands out, in all ways through its branches."""
    roots = losses.evaluation.observations.roots
    methods = [
        root
        for root in roots
        if root.kind == "return" and root.function is not None and isinstance(root.function.bound, Instance)
    ]
    each = (list(opened(root.value, (tuple, list, dict, Instance))) for root in methods)
    return [[value for value in ways.in_all(losses.evaluation, values) if value in losses.graph] for values in each]


def _is_between(value: Expr, site: SamplerSite, recon: Reconstruction, losses: Losses) -> bool:
    """Whether a value is decoded from z, and an error is one of it."""
    graph = losses.graph
    return graph.holds(value, site.z.uid) and any(graph.holds(side, value.uid) for side in (recon.first, recon.second))


def _differentiated(module: Module) -> frozenset[Spot]:
    """What a file differentiates, by where it is written."""
    return frozenset(
        spot_of(Site(SourceCell(module.file.path, cell), node.func.value))
        for cell in module.file.cells
        for node in cell.nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _DIFFERENTIATING
    ) | frozenset(
        spot_of(Site(SourceCell(module.file.path, cell), node))
        for cell in module.file.cells
        for node in cell.functions
        if node.name in _DIFFERENTIATED
    )
