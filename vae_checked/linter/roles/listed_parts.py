"""Which parameters no optimizer is given, by the names that code lists: submodules one by one, and one forgotten."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from vae_checked.facts import Fact
from vae_checked.linter.files import syntax
from vae_checked.linter.roles.alternatives import are_alternatives, are_in_one_function
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.head_layers import made_by
from vae_checked.linter.roles.picked_parameters import picking_in
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import Site
from vae_checked.linter.symbols.registered import serials, with_parameters
from vae_checked.linter.symbols.values import Class, Instance, Layer, Sequence
from vae_checked.linter.torch_model.optimizers import NAMES, is_given_less
from vae_checked.record import dataclass

_MODULES = (Layer, Instance, Sequence)
_SET_UP = frozenset(
    "parameters named_parameters train eval to cuda cpu float half zero_grad state_dict load_state_dict apply".split()
)
_SELF = "self"
_FORWARDS = frozenset(("forward", "__call__"))
# An object of its own, as far as is known: `VAE().parameters()`, `deepcopy(model).parameters()`.
_ANOTHER = re.compile(r"\b(?:deep)?copy\(|\(\)$")
_STAGES = ("pretrain", "warmup", "finetune")

if TYPE_CHECKING:
    from vae_checked.linter.evaluations.evaluation import Evaluation
    from vae_checked.linter.symbols.expression import Expr
    from vae_checked.linter.symbols.values import Module


def forgotten(evaluation: Evaluation, site: SamplerSite | None, kl: Divergence | None) -> Fact[tuple[str, ...]] | None:
    """The submodules of the model that no optimizer holds; None where no optimizer of the model is seen.

    Evidence is a list of `owner.part.parameters()` over one owner in the arguments of the optimizers, with parts of one
    class of which another part makes mu, the head for std or z and is named nowhere.
    """
    model = evaluation.read_once(model_of)
    if model is None:
        return None
    parts = evaluation.read_once(_parts_of_model)
    for module in evaluation.modules():
        listed = module.read_once(_read)
        if not listed.calls:
            continue
        where = Site(module.source_of(listed.calls[0]), listed.calls[0]).origin
        whole = [owner for owner, parts_of in listed.given.items() if "" in parts_of]
        if listed.picked or listed.apart & parts:
            continue
        if any(_may_be(owner, model, module) for owner in whole) and not _has_unregistered(model):
            return Fact((), where)
        if whole:
            continue
        for names in listed.given.values():
            if len(names & parts) >= 2 and names <= parts:
                lost = _used(model, parts, site, kl) - names - listed.mentioned
                # A part that makes no head may be the decoder: it has to be held as well.
                return Fact(tuple(sorted(lost)), where) if lost or parts <= names | listed.mentioned else None
    return None


def _may_be(owner: str, model: Instance, module: Module) -> bool:
    """Whether a name may stand for the model: no other module that the file builds, nor one that it never runs."""
    if owner == _SELF:
        return any(_may_hold(cls, model) for cls in module.read_once(_taking))
    if _ANOTHER.search(owner) is not None:
        return False
    known = module.scope.names.get(owner)
    if isinstance(known, (Instance, Layer, Sequence)):
        return known is model
    return owner not in module.read_once(_never_run)


def _taking(module: Module) -> list[ast.ClassDef]:
    """The classes of a file of which a method hands over `self.parameters()`."""
    classes = module.file.of(ast.ClassDef)
    return [cls for cls in classes if any((_SELF, "") in parts_in(node) for node in _optimizers_of(cls))]


def _optimizers_of(cls: ast.ClassDef) -> Iterator[ast.Call]:
    return (node for node in syntax.descendants(cls) if isinstance(node, ast.Call) and is_optimizer(node))


def _may_hold(cls: ast.ClassDef, model: Instance) -> bool:
    """Whether an object of a class may be the model, or have it: by its classes' names, or as a part it was handed.

    A network beside the model builds its own layers, and runs nothing that it was handed.
    """
    own = {each.node.name for each in model.cls.mro()}
    if cls.name in own or any(each.node is cls for each in model.cls.mro()):
        return True
    nodes = list(syntax.descendants(cls))
    if any(isinstance(node, ast.Name) and node.id in own for node in nodes):
        return True
    given = {node.arg for node in nodes if isinstance(node, ast.arg)}
    kept = {
        target.attr
        for node in nodes
        if isinstance(node, ast.Assign)
        and any(isinstance(each, ast.Name) and each.id in given for each in ast.walk(node.value))
        for target in node.targets
        if isinstance(target, ast.Attribute)
    }
    run = (node.func for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute))
    called = {each.attr if isinstance(each.value, ast.Name) else getattr(each.value, "attr", "") for each in run}
    return bool(kept & called) or not any(name in _FORWARDS for name in _methods(cls))


def _methods(cls: ast.ClassDef) -> Iterator[str]:
    return (item.name for item in cls.body if isinstance(item, syntax.DEFINITIONS))


def _never_run(module: Module) -> frozenset[str]:
    """The names that a file gives to something, and uses to set modes, devices and weights and for parameters alone."""
    set_up = {id(node.value) for node in module.file.of(ast.Attribute) if node.attr in _SET_UP}
    names = module.file.of(ast.Name)
    used = {node.id for node in names if isinstance(node.ctx, ast.Load) and id(node) not in set_up}
    given = {node.arg for node in module.file.of(ast.arg)}
    return frozenset(node.id for node in names if isinstance(node.ctx, ast.Store)) - used - given


def _has_unregistered(model: Instance) -> bool:
    """Whether a model, or a part of it, keeps layers in a plain container alone: `parameters()` has none of them."""
    held = serials(model)
    stack, seen = [model], {id(model)}
    while stack:
        for value in stack.pop().attributes.values():
            kept = (
                list(value.values()) if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
            )
            if any(isinstance(item, _MODULES) and not serials(item) <= held for item in kept):
                return True
            if isinstance(value, Instance) and id(value) not in seen:
                seen.add(id(value))
                stack.append(value)
    return False


def model_of(evaluation: Evaluation) -> Instance | None:
    """The model of an evaluation: the first object with a forward pass of its own of which a method runs."""
    for root in evaluation.observations.roots:
        if root.function is not None and isinstance(root.function.bound, Instance):
            model = root.function.bound
            if isinstance(model.cls, Class) and model.cls.is_module and "forward" in model.cls.names:
                return model
    return None


def _parts_of_model(evaluation: Evaluation) -> frozenset[str]:
    """The names of the submodules of an evaluation's model that have parameters."""
    model = evaluation.read_once(model_of)
    attributes = {} if model is None else model.attributes
    return frozenset(name for name, value in attributes.items() if next(with_parameters(value), None) is not None)


def _used(model: Instance, parts: frozenset[str], site: SamplerSite | None, kl: Divergence | None) -> set[str]:
    """The parts whose own layer makes a head."""
    heads: list[Expr] = []
    if site is not None:
        heads += [site.location, site.scale]
    if kl is not None:
        heads += [kl.location, kl.head]
    numbers = made_by(*heads)
    layers = {name: model.attributes[name] for name in parts}
    return {name for name, layer in layers.items() if isinstance(layer, Layer) and layer.serial in numbers}


@dataclass(frozen=True, slots=True)
class _Listed:
    """The optimizers that a module builds, per owner the parts they are given, and all parts named with parameters.

    The part is "" where an owner's parameters are given as a whole. `picked` says that some are picked by a condition,
    that in another branch another optimizer is given some alone, or that nothing may be left of some; `apart` are the
    parts that an optimizer is given alone in another function than one that builds an optimizer of a whole model.
    """

    calls: list[ast.Call]
    given: dict[str, set[str]]
    mentioned: set[str]
    picked: bool = False
    apart: frozenset[str] = frozenset()


def _is_a_stage(node: ast.AST) -> bool:
    """Whether a function is called after a stage of the training, which moves some parts alone."""
    if not isinstance(node, syntax.DEFINITIONS):
        return False
    name = node.name.lower().replace("_", "")
    return any(word in name for word in _STAGES)


def _read(module: Module) -> _Listed:
    calls = [node for node in module.file.of(ast.Call) if syntax.called(node) in NAMES]
    nodes = [node for cell in module.file.cells for node in cell.nodes] if calls else []
    if calls:
        stages = {id(inner) for node in nodes if _is_a_stage(node) for inner in syntax.descendants(node)}
        calls = [node for node in calls if id(node) not in stages]
    if not calls:
        return _Listed([], {}, set())
    assigned: dict[str, list[list[tuple[str, str]]]] = {}
    mentioned: set[str] = set()
    sliced: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Assign):
            parts = list(parts_in(node.value))
            if any(
                isinstance(each, ast.Subscript) and _picks(each, assigned) for each in syntax.descendants(node.value)
            ):
                sliced |= {target.id for target in node.targets if isinstance(target, ast.Name)}
            for target in node.targets:
                if isinstance(target, ast.Name):
                    assigned.setdefault(target.id, []).append(parts)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and _is_of_parameters(node):
            mentioned.add(node.value.attr)
    given: dict[str, set[str]] = {}
    picked, parts_of = False, []
    for call in calls:
        names = {node.id for node in syntax.descendants(call) if isinstance(node, ast.Name) and node is not call.func}
        picked |= any(_picks(node, assigned) for node in syntax.descendants(call)) or not sliced.isdisjoint(names)
        given_to = [assigned.get(name, []) for name in names]
        chosen = [[list(parts_in(arm)) for arm in (each.body, each.orelse)] for each in _choices(call, names, nodes)]
        picked |= any(map(_differ, (*given_to, *chosen)))
        parts_of.append([*parts_in(call), *(item for each in given_to for parts in each for item in parts)])
        for owner, part in parts_of[-1]:
            given.setdefault(owner, set()).add(part)
    pairs = [*zip(calls, parts_of, strict=True)]
    alone = [(call, {part for _, part in parts}) for call, parts in pairs if parts and all(part for _, part in parts)]
    whole = [call for call, parts in pairs if not all(part for _, part in parts)]
    apart = (parts for call, parts in alone for other in whole if not are_in_one_function(nodes, call, other))
    picked = picked or _differ_by_branch(nodes, calls, parts_of)
    some = frozenset[ast.AST]().union(*(cell.read_once(picking_in) for cell in module.file.cells))
    picked = picked or not some.isdisjoint(calls)
    added = [node for node in module.file.of(ast.Call) if syntax.called(node) == "add_param_group"]
    picked = picked or any(is_given_less(Site(module.source_of(call), call)) for call in (*calls, *added))
    return _Listed(calls, given, mentioned, picked, frozenset[str]().union(*apart))


def _choices(call: ast.Call, names: Collection[str], nodes: list[ast.AST]) -> Iterator[ast.IfExp]:
    """The conditional expressions in a call, and in what gives the names in it their values."""
    values = [
        node.value
        for node in nodes
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id in names for target in node.targets)
    ]
    return (node for tree in (call, *values) for node in syntax.descendants(tree) if isinstance(node, ast.IfExp))


def _differ(ways: list[list[tuple[str, str]]]) -> bool:
    """Whether an owner's parameters are given as a whole on one way, and some parts of it alone on another."""
    whole = {owner for parts in ways for owner, part in parts if not part}
    return any(owner in whole and (owner, "") not in parts for parts in ways for owner, _ in parts)


def _differ_by_branch(nodes: list[ast.AST], calls: list[ast.Call], given: list[list[tuple[str, str]]]) -> bool:
    """Whether a condition chooses between an optimizer of a whole model and one of some parts of it."""
    whole = [{owner for owner, part in parts if not part} for parts in given]
    return any(
        any(owner in whole[at] for owner, part in given[beside] if part and owner not in whole[beside])
        and are_alternatives(nodes, call, other)
        for at, call in enumerate(calls)
        for beside, other in enumerate(calls)
    )


def _picks(node: ast.AST, assigned: Mapping[str, list[list[tuple[str, str]]]]) -> bool:
    """Whether some parameters are left out: by another condition than whether they are trained at all, or by place.

    `assigned` are the parts whose parameters were put in a list before, by its name.
    """
    if isinstance(node, ast.comprehension):
        return any("requires_grad" not in ast.unparse(condition) for condition in node.ifs)
    if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Slice):
        return False
    return any(parts_in(node.value)) or (isinstance(node.value, ast.Name) and any(assigned.get(node.value.id, ())))


def _is_of_parameters(node: ast.Attribute) -> bool:
    """Whether a part is named with its parameters: a group added later, a freeze, tied weights."""
    return "parameters" in node.attr or node.attr in ("weight", "bias")


def is_optimizer(call: ast.Call) -> bool:
    """Whether a call builds an optimizer, by its name."""
    return syntax.called(call) in NAMES


def parts_in(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(owner, part) of every `owner.part.parameters()` in a piece of source."""
    for node in syntax.descendants(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and "parameters" in node.func.attr:
            owner = node.func.value
            if isinstance(owner, ast.Attribute):
                yield ast.unparse(owner.value), owner.attr
            else:
                yield ast.unparse(owner), ""
