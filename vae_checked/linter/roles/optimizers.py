"""Which of the layers that a loss would train no optimizer holds, by the very layers that optimizers are given."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from vae_checked.facts import Fact, Facts, Training
from vae_checked.finding import Place
from vae_checked.linter.files import syntax
from vae_checked.linter.roles import listed_parts, missed_beside, ways
from vae_checked.linter.roles.alternatives import are_alternatives, are_in_one_function
from vae_checked.linter.roles.built_anew import built_anew
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.frozen_parts import freezes, handed, loop_over_parameters, of_libraries
from vae_checked.linter.roles.objective import Losses, is_step
from vae_checked.linter.roles.picked_parameters import picking
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.roles.unstepped import unstepped
from vae_checked.linter.symbols.expression import PHI, Expr, Site, walk
from vae_checked.linter.symbols.observations import Optimizer, ProjectObservations, Spot
from vae_checked.linter.symbols.registered import is_learned, serials
from vae_checked.linter.symbols.values import Instance, Layer, Sequence, Value
from vae_checked.mathematics.names import ITEMS, SPENT
from vae_checked.record import dataclass, replace

if TYPE_CHECKING:
    from vae_checked.linter.evaluations.evaluation import Evaluation
    from vae_checked.linter.symbols.values import Module

_MAX_DEPTH = 3
# Calls that parameters are handed to and that train none of them.
_HARMLESS = frozenset(("clip_grad_norm_", "clip_grad_norm", "clip_grad_value_", "print", "len", "next"))
_COUNTED = frozenset(("numel", "nelement", "size", "shape"))
# Words in the names of what keeps a part as it is, or fills it with weights that were trained before.
_KEEPING = ("freeze", "frozen", "pretrain")


def forgotten(
    losses: Losses, observed: ProjectObservations, site: SamplerSite | None, kl: Divergence | None,
    recon: Reconstruction | None,
) -> Fact[tuple[str, ...]] | None:  # fmt: skip
    """The parts that no optimizer holds, by the names that code lists them by; empty where all are seen to be held.

    Where an optimizer of a part is seen and none of another, that is said once all optimizers are known.
    """
    trained = _trained(losses, site, kl, recon)
    own = [optimizer for optimizer in observed.optimizers() if optimizer.perhaps & trained]
    surely = frozenset[int]().union(*(optimizer.surely for optimizer in own))
    if own and trained <= surely:
        # In one run a setting builds one of several: whichever it is has to hold all of them.
        idle = losses.evaluation.read_once(unstepped) | losses.evaluation.read_once(picking)
        moving = [other for other in own if other.site.node not in idle]
        beside = ([other for other in moving if not _are_alternatives(each, other, trained)] for each in own)
        whole = all(trained <= frozenset[int]().union(*(each.surely for each in each_way)) for each_way in beside)
        whole = whole and _holds_what_is_decoded(losses, observed, site, kl, recon)
        return Fact((), own[0].site.origin) if whole else None
    listed = listed_parts.forgotten(losses.evaluation, site, kl)
    if listed is None or listed.value:
        # What is taken out of training, by whatever name it goes there, is left out of an optimizer on purpose.
        return None if listed is not None and freezes(losses.evaluation) else listed
    # An optimizer whose layers are known, and are none of those that are trained, is one of another object.
    others = {optimizer.site.origin.place for optimizer in observed.optimizers() if trained and optimizer.perhaps}
    if own or listed.origin.place in others or losses.evaluation.read_once(unstepped):
        return None
    # By its name an optimizer is given the whole model: some of it may have been added since.
    built = losses.evaluation.read_once(_built)
    some = [optimizer.perhaps for optimizer in observed.optimizers() if optimizer.perhaps & built]
    held = frozenset[int]().union(*some)
    return listed if not some or built <= held or _used(losses, site, kl, recon) <= held else None


def _holds_what_is_decoded(
    losses: Losses, observed: ProjectObservations, site: SamplerSite | None, kl: Divergence | None,
    recon: Reconstruction | None,
) -> bool:  # fmt: skip
    """Whether optimizers hold all that a loss trains behind z, where no error of it is of what is decoded."""
    built = losses.evaluation.read_once(_built)
    held = frozenset[int]().union(*(optimizer.surely for optimizer in observed.optimizers()))
    reached = losses.flow.reached(losses.read_once(_minimised))
    sides = () if recon is None else (recon.first, recon.second)
    if built <= held or any(side.uid in reached and _is_decoded(side, site, kl, losses) for side in sides):
        return True
    latents = {value.uid for value in (site and site.z, kl and kl.location) if value}
    behind = (node for node in losses.graph.having("layer") if node.uid in reached and node.uid not in latents)
    decoding = built & _numbers(node for node in behind if any(losses.graph.holds(node, uid) for uid in latents))
    return bool(decoding) and decoding <= held


def _are_alternatives(one: Optimizer, other: Optimizer, trained: frozenset[int]) -> bool:
    """Whether a run builds one of two optimizers: on two ways, or in two functions where one of them holds all."""
    nodes = one.site.source.cell.nodes
    if one.site.source is other.site.source and are_alternatives(nodes, one.site.node, other.site.node):
        return True
    if (trained <= one.surely) is (trained <= other.surely):
        return False
    return one.site.source is not other.site.source or not are_in_one_function(nodes, one.site.node, other.site.node)


def _trained(
    losses: Losses, site: SamplerSite | None, kl: Divergence | None, recon: Reconstruction | None
) -> frozenset[int]:
    """The layers between the data, the heads and what is decoded that the gradient of what is minimised reaches."""
    parts = [] if site is None else [site.location, site.scale, site.z]
    parts += [] if kl is None else [kl.location, kl.head]
    parts += [] if recon is None else [recon.first, recon.second]
    known = losses.read_once(_trained_so_far)
    key = site is None, kl is None, *(part.uid for part in parts)
    if key not in known:
        known[key] = _trained_by(losses, site, kl, recon)
    return known[key]


def _trained_so_far(_: Losses) -> dict[tuple[int, ...], frozenset[int]]:
    return {}


def _trained_by(
    losses: Losses, site: SamplerSite | None, kl: Divergence | None, recon: Reconstruction | None
) -> frozenset[int]:
    ends = losses.read_once(_minimised)
    if not ends:
        return frozenset()
    reached = losses.flow.reached(ends)
    layers = (node for node in _stages(losses, site, kl, recon) if node.op == "layer" and node.uid in reached)
    built = losses.evaluation.read_once(_built)
    trained = _numbers(layers) & built
    # Beside a network that is trained, what the loss alone has of parameters: a variance that is learned.
    own = (node for node in losses.graph.having("parameter") if is_learned(node) and node.uid in reached)
    if not trained:
        return trained
    return trained | (_numbers(node for node in own if not _is_of_another(node, trained, losses)) & built)


def _is_of_another(parameter: Expr, trained: frozenset[int], losses: Losses) -> bool:
    """Whether layers take a parameter, and none that is trained: it is part of another network, that judges."""
    holding = losses.graph.holding(parameter.uid)
    taking = _numbers(node for node in losses.graph.having("layer") if node.uid in holding)
    return bool(taking) and taking.isdisjoint(trained)


def _stages(
    losses: Losses, site: SamplerSite | None, kl: Divergence | None, recon: Reconstruction | None
) -> Iterator[Expr]:
    """What lies between the data, the heads and what is decoded."""
    values = [] if site is None else [site.location, site.scale]
    values += [] if kl is None else [kl.location, kl.head]
    sides = () if recon is None else (recon.first, recon.second)
    return walk(*values, *(side for side in sides if _is_decoded(side, site, kl, losses)))


def _used(
    losses: Losses, site: SamplerSite | None, kl: Divergence | None, recon: Reconstruction | None
) -> frozenset[int]:
    """The layers that heads and reconstruction are made by, whatever is minimised."""
    layers = (node for node in _stages(losses, site, kl, recon) if node.op == "layer")
    return _numbers(layers) & losses.evaluation.read_once(_built)


def _numbers(nodes: Iterable[Expr]) -> frozenset[int]:
    numbers = (node.get("serial") for node in nodes)
    return frozenset(number for number in numbers if isinstance(number, int))


def _is_decoded(side: Expr, site: SamplerSite | None, kl: Divergence | None, losses: Losses) -> bool:
    """Whether one side of a reconstruction is computed from z, or from the mean."""
    wanted = {value.uid for value in (site and site.z, kl and kl.location) if value}
    return any(losses.graph.holds(side, uid) for uid in wanted)


def _minimised(losses: Losses) -> list[Expr]:
    """What is differentiated: by the code that is read, or by a trainer that a step hands it to."""
    steps = (root.value for root in losses.evaluation.observations.roots if is_step(root))
    known = {value.uid: value for value in steps if isinstance(value, Expr)}
    ends = [*losses.backward, *(end for end in losses.ends if end.uid in known)]
    if any(value.bits & PHI for value in known.values()):
        # As the evaluation has them in each of its ways.
        evaluation = losses.evaluation
        ends += ways.in_all(evaluation, wanted=lambda value: bool(value.bits & PHI) and value.uid in known)
    return ends


_HOLDING = (Instance, Layer, Sequence, Expr)


def _built(evaluation: Evaluation) -> frozenset[int]:
    """The layers with parameters among those that the names of an evaluation stand for."""
    return frozenset[int]().union(*evaluation.read_once(_named).values())


def _named(evaluation: Evaluation) -> Mapping[str, frozenset[int]]:
    """The layers with parameters by the names of what holds them: of the files' globals, then of the models' parts."""
    found: dict[str, frozenset[int]] = {}
    for module in evaluation.modules():
        for name, value in module.scope.names.items():
            _note(found, name, value, 0)
    owners = (root.function.bound for root in evaluation.observations.roots if root.function is not None)
    # Each once: what its methods observed is many roots.
    for owner in {id(each): each for each in owners if isinstance(each, Instance)}.values():
        for name, value in owner.attributes.items():
            _note(found, name, value, 0)
    return found


def _note(found: dict[str, frozenset[int]], name: str, value: Value, depth: int) -> None:
    if (
        name in found
        or f"{name}{ITEMS}" in found
        or depth > _MAX_DEPTH
        or not isinstance(value, (*_HOLDING, list, tuple, dict))
    ):
        return
    # What stands in a container of Python's own has a name as well, though the model does not know of it.
    items = [*value.values()] if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
    held = frozenset[int]().union(*map(serials, items))
    if held:
        found[name if items == [value] else f"{name}{ITEMS}"] = held
        for inner, part in value.attributes.items() if isinstance(value, Instance) else ():
            _note(found, f"{name}.{inner}", part, depth + 1)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A VAE whose layers a loss trains: these layers, the names of what holds them, and the files that are read.

    `anew` are those of them that each forward pass builds, by where it does. `reached` are all that the loss trains,
    and `behind` those of them that take z, or what is made of it.
    """

    subject: str
    trained: frozenset[int]
    reached: frozenset[int]
    behind: frozenset[int]
    names: Mapping[str, frozenset[int]]
    modules: tuple[Module, ...]
    anew: Mapping[int, Site]


class Optimizers:
    """The layers that losses train, over all evaluations, against what all optimizers are given."""

    def __init__(self, observed: ProjectObservations) -> None:
        self.observed = observed
        self._candidates: list[_Candidate] = []
        self._modules: dict[str, Module] = {}

    def read(
        self, losses: Losses, site: SamplerSite | None, kl: Divergence | None, recon: Reconstruction | None
    ) -> None:
        """Take note of a VAE whose loss is differentiated."""
        evaluation = losses.evaluation
        modules = tuple(evaluation.modules())
        self._modules.update((module.path, module) for module in modules)
        trained = _trained(losses, site, kl, recon)
        if not trained and self._takes_its_own(evaluation.read_once(_taking_its_own)):
            # Whatever is minimised, a model that hands its own parameters over means all that makes its heads.
            trained = _used(losses, site, kl, recon)
        if trained:
            reached = losses.flow.reached(losses.read_once(_minimised))
            layers = [node for node in losses.graph.having("layer") if node.uid in reached]
            anew = built_anew(layers)
            every = _numbers(layers) & evaluation.read_once(_built)
            names = {name: held for name, held in evaluation.read_once(_named).items() if held & (trained | every)}
            latents = {value.uid for value in (site and site.z, kl and kl.location) if value}
            behind = _numbers(node for node in layers if any(losses.graph.holds(node, uid) for uid in latents)) & every
            self._candidates.append(_Candidate(evaluation.subject, trained, every, behind, names, modules, anew))

    def _takes_its_own(self, calls: frozenset[int]) -> bool:
        """Whether one of some calls, by their ids, builds an optimizer."""
        return bool(calls) and any(id(optimizer.site.node) in calls for optimizer in self.observed.optimizers())

    def facts(self) -> Iterator[Facts]:
        """The layers that get a gradient and that nothing moves, where some of the same VAE are moved."""
        for candidate in self._candidates:
            found = self._forgotten(candidate)
            if found is not None:
                yield Facts(candidate.subject, training=Training(without_optimizer=found))

    def of_others(self) -> frozenset[Place]:
        """Where an optimizer is built of layers that are known, none of which a loss trains: those of a copy.

        Or of some of those that it trains, where others beside the VAE are held by none.
        """
        trained = frozenset[int]().union(*(candidate.trained for candidate in self._candidates))
        own: dict[Place | None, bool] = {}
        for optimizer in self.observed.optimizers():
            if optimizer.perhaps:
                place = optimizer.site.origin.place
                own[place] = own.get(place, False) or not trained.isdisjoint(optimizer.perhaps)
        others = (place for place, holds in own.items() if trained and place is not None and not holds)
        of_each = ((candidate.trained, candidate.reached) for candidate in self._candidates)
        return frozenset((*others, *filter(None, missed_beside.optimizers(of_each, self.observed))))

    def _forgotten(self, candidate: _Candidate) -> Fact[tuple[str, ...]] | None:
        own = [optimizer for optimizer in self.observed.optimizers() if optimizer.perhaps & candidate.trained]
        if not own:
            return None
        paths = {optimizer.site.source.path for optimizer in own}
        modules = {module.path: module for module in candidate.modules}
        of_several = frozenset[Spot]().union(
            *(self._modules[path].read_once(_asked).of_several for path in paths if path in self._modules)
        )
        if any(optimizer.spots & of_several for optimizer in own):
            return None
        modules |= {path: self._modules[path] for path in paths if path in self._modules}
        if not paths <= modules.keys() or not self._is_all_read(modules.values()):
            return None
        held = self._held(modules.values())
        # What a loop keeps as it is was made so on purpose.
        frozen = frozenset[Spot]().union(*(module.read_once(_asked).frozen for module in modules.values()))
        held = held.union(*(layers for spot, layers in self.observed.parameters().items() if spot in frozen))
        lost = candidate.trained - held
        built = [site for number, site in candidate.anew.items() if number not in held]
        if built:
            made = tuple(sorted({site.origin.source for site in built}))
            return Fact(made, replace(built[0].origin, built=built[0].place))
        among = candidate.trained
        if not lost:
            # Where the VAE itself is held, what its loss trains beside it may not be.
            among = candidate.trained | candidate.reached
            lost = missed_beside.layers(candidate.trained, candidate.behind, self.observed) - held
        names = missed_beside.names_of(lost, among, candidate.names)
        if not names:
            return None
        spending = next((optimizer for optimizer in self.observed.optimizers() if lost <= optimizer.spent), None)
        if spending is not None:
            return Fact(tuple(f"{name}{SPENT}" for name in names), spending.site.origin)
        return Fact(names, own[0].site.origin)

    def _is_all_read(self, modules: Iterable[Module]) -> bool:
        """Whether every optimizer in some files, and all that is asked for parameters, is known; nothing is kept."""
        for module in modules:
            asked = module.read_once(_asked)
            # What is frozen has to be known as well: whatever it is, it was left out on purpose.
            if asked.keeps or not asked.spots | asked.owned <= self.observed.parameters().keys():
                return False
            made = [each for each in self.observed.optimizers() if each.site.source.path == module.path]
            # Of code that is handed its model one run knows it, and another may not.
            known = {id(each.site.node) for each in made if not each.is_open}
            if any(each.is_open and id(each.site.node) not in known for each in made):
                return False
        return True

    def _held(self, modules: Iterable[Module]) -> frozenset[int]:
        """The layers that an optimizer holds, that may be handed to something like one, or that are kept on purpose."""
        optimizers = list(self.observed.optimizers())
        given = frozenset[Spot]().union(*(optimizer.spots for optimizer in optimizers))
        harmless = frozenset[Spot]().union(*(module.read_once(_asked).harmless for module in modules))
        held = frozenset[int]().union(*(optimizer.perhaps for optimizer in optimizers))
        elsewhere = (
            layers for spot, layers in self.observed.parameters().items() if spot not in given and spot not in harmless
        )
        # What is filled with weights, and none of which is trained, was trained before.
        kept = (layers for layers in self.observed.loaded() if not layers & held)
        return held.union(*elsewhere, *kept)


def _taking_its_own(evaluation: Evaluation) -> frozenset[int]:
    """The calls, by their ids, that are given `self.parameters()` in a method of the model."""
    model = listed_parts.model_of(evaluation)
    mro = () if model is None else model.cls.mro()
    # The methods of a model are looked through where their file makes an optimizer at all.
    methods = [item for cls in mro if cls.scope.module.read_once(_makes_one) for item in cls.node.body]
    calls = (node for item in methods for node in syntax.descendants(item) if isinstance(node, ast.Call))
    return frozenset(
        id(call) for call in calls if listed_parts.is_optimizer(call) and ("self", "") in listed_parts.parts_in(call)
    )


def _makes_one(module: Module) -> bool:
    return any(map(listed_parts.is_optimizer, module.file.of(ast.Call)))


def consistent(told: Iterable[Facts], of_others: Container[Place | None] = ()) -> Iterator[Facts]:
    """Facts of one project, none of which calls an optimizer complete in which another misses layers.

    Nor one that is `of_others`: by its name it may hold the model, and by its layers it does not.
    """
    facts = list(told)
    missing = {
        fact.origin.place for item in facts if (fact := item.training.without_optimizer) is not None and fact.value
    }
    for item in facts:
        fact = item.training.without_optimizer
        contradicted = (
            fact is not None and not fact.value and (fact.origin.place in missing or fact.origin.place in of_others)
        )
        yield replace(item, training=replace(item.training, without_optimizer=None)) if contradicted else item


@dataclass(frozen=True, slots=True)
class _Asked:
    """Where a file asks for parameters, where that trains none of them, and whether it keeps a part as it is.

    `frozen` is where a loop over parameters does nothing but keep them as they are, and `owned` where they may be
    those of a model of the project: all of these but the networks of libraries.
    `of_several` is where the parameters are those of one of several models, whichever a setting chooses.
    """

    spots: frozenset[Spot]
    harmless: frozenset[Spot]
    frozen: frozenset[Spot]
    owned: frozenset[Spot]
    keeps: bool
    of_several: frozenset[Spot]


_KEPT_BY: tuple[type[ast.AST], ...] = (ast.Attribute, ast.Name, *syntax.DEFINITIONS, ast.keyword)


def _asked(module: Module) -> _Asked:
    spots: set[Spot] = set()
    harmless: set[Spot] = set()
    frozen: set[Spot] = set()
    owned: set[Spot] = set()
    keeps = False
    kept = {
        id(inner) for cell in module.file.cells for node in cell.of(ast.For) for inner in loop_over_parameters(node)
    }
    nodes = [node for cell in module.file.cells for node in cell.nodes] if kept else []
    foreign, several = of_libraries(nodes), handed(nodes)
    made: dict[str, set[str]] = {}
    owners: list[tuple[str, Spot]] = []
    for cell in module.file.cells:
        keeps = keeps or any(id(node) not in kept and _keeps(node) for kind in _KEPT_BY for node in cell.of(kind))
        for assigned in cell.of(ast.Assign):
            if isinstance(assigned.value, ast.Call):
                _note_made(made, assigned, assigned.value)
        asking: tuple[ast.Call | ast.For, ...] = (*cell.of(ast.Call), *cell.of(ast.For))
        for node in asking:
            if isinstance(node, ast.Call) and syntax.called(node) in ("parameters", "named_parameters"):
                spot = (module.path, cell.number, node.lineno, node.col_offset)
                spots.add(spot)
                if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
                    owners.append((node.func.value.id, spot))
                if id(node) in kept:
                    frozen.add(spot)
                    owner = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
                    # That one of several is known says nothing of the next.
                    keeps = keeps or owner in several
                    if owner not in foreign:
                        owned.add(spot)
            elif _is_harmless(node):
                inner = (item for item in syntax.descendants(node) if isinstance(item, ast.Call))
                harmless |= {
                    (module.path, cell.number, item.lineno, item.col_offset)
                    for item in inner
                    if syntax.called(item) in ("parameters", "named_parameters")
                }
    of_several = frozenset(spot for name, spot in owners if len(made.get(name, ())) > 1)
    return _Asked(
        frozenset(spots - harmless - frozen),
        frozenset(harmless | frozen),
        frozenset(frozen),
        frozenset(owned),
        keeps,
        of_several,
    )


def _note_made(made: dict[str, set[str]], given: ast.Assign, call: ast.Call) -> None:
    """Take note of the classes by which a name is made: what it was before, moved or wrapped, is the same model."""
    made_of = {node.id for node in syntax.descendants(call) if isinstance(node, ast.Name)}
    called = syntax.called(call)
    for target in given.targets:
        if isinstance(target, ast.Name) and target.id not in made_of and called[:1].isupper():
            made.setdefault(target.id, set()).add(called)


def _is_harmless(node: ast.Call | ast.For) -> bool:
    """Whether parameters are clipped, shown, counted or given their first values."""
    if isinstance(node, ast.Call) and syntax.called(node) != "sum":
        return syntax.called(node) in _HARMLESS
    attributes = {item.attr for item in syntax.descendants(node) if isinstance(item, ast.Attribute)}
    if isinstance(node, ast.Call):
        return bool(attributes & _COUNTED)
    return "init" in attributes and "grad" not in attributes


def _keeps(node: ast.AST) -> bool:
    """Whether a part is taken out of training, or made from weights that were trained before."""
    if isinstance(node, ast.Attribute):
        name = node.attr
        if name == "requires_grad_" or (name == "requires_grad" and isinstance(node.ctx, ast.Store)):
            return True
    elif isinstance(node, ast.Name):
        name = node.id
    elif isinstance(node, (*syntax.DEFINITIONS, ast.keyword)):
        name = (node.arg if isinstance(node, ast.keyword) else node.name) or ""
    else:
        return False
    return any(word in name.lower().replace("_", "") for word in _KEEPING)
