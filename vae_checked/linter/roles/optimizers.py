"""Which parameters no optimizer is given: submodules that are listed one by one, and one forgotten."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vae_checked.facts import Fact
from vae_checked.linter.expression import Site, strip, walk
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.values import Class, Instance, Layer, Sequence, Value

if TYPE_CHECKING:
    from vae_checked.linter.expression import Expr
    from vae_checked.linter.project import Module
    from vae_checked.linter.scenes import Scene

_NAMES = frozenset(
    "Adam AdamW SGD RMSprop Adamax Adagrad Adadelta NAdam RAdam SparseAdam Rprop ASGD LBFGS Lion AdaBelief".split()
)
# Layers without parameters of their own.
_BARE = ("Dropout", "ReLU", "Pool", "Flatten", "Upsample", "Sigmoid", "Tanh", "Softplus", "Identity", "Loss", "Softmax")


def forgotten(scene: Scene, site: SamplerSite | None, kl: Divergence | None) -> Fact[tuple[str, ...]] | None:
    """The submodules of the model that no optimizer holds; None where no optimizer of the model is seen.

    Evidence is a list of `owner.part.parameters()` over one owner in the arguments of the optimizers, with parts of one
    class of which another part makes mu, the second head or z and is named nowhere.
    """
    model = _model(scene)
    if model is None:
        return None
    parts = {name for name, value in model.attributes.items() if _has_parameters(value)}
    used = _used(model, parts, scene, site, kl)
    for module in _modules(scene):
        found = _optimizers(module)
        if not found:
            continue
        given: dict[str, set[str]] = {}
        whole = False
        for call in found:
            for owner, part in _parts(call, module):
                given.setdefault(owner, set()).add(part)
                whole = whole or not part
        if whole:
            return Fact((), Site(module.source_of(found[0]), found[0]).origin)
        for names in given.values():
            missing = tuple(sorted(used - names - _mentioned(module)))
            if len(names & parts) >= 2 and names <= parts:
                return Fact(tuple(missing), Site(module.source_of(found[0]), found[0]).origin)
    return None


def _modules(scene: Scene) -> list[Module]:
    found = [scene.module, *(root.function.scope.module for root in scene.trace.roots if root.function is not None)]
    return list({module.path: module for module in found}.values())


def _model(scene: Scene) -> Instance | None:
    for root in scene.trace.roots:
        if root.function is not None and isinstance(root.function.bound, Instance):
            model = root.function.bound
            if isinstance(model.cls, Class) and model.cls.is_module and "forward" in model.cls.names:
                return model
    return None


def _has_parameters(value: Value) -> bool:
    if isinstance(value, Layer):
        return not any(word in value.kind for word in _BARE)
    if isinstance(value, Sequence):
        return any(_has_parameters(item) for item in value.items.values())
    return isinstance(value, Instance) and any(_has_parameters(item) for item in value.attributes.values())


def _used(model: Instance, parts: set[str], scene: Scene, site: SamplerSite | None, kl: Divergence | None) -> set[str]:
    """The parts whose own layer makes a head."""
    heads: list[Expr] = []
    if site is not None:
        heads += [site.location, site.scale]
    if kl is not None:
        heads += [kl.location, kl.head]
    serials = {node.get("serial") for head in heads for node in walk(strip(head)) if node.op == "layer"}
    return {
        name for name in parts if isinstance(model.attributes[name], Layer) and model.attributes[name].serial in serials
    }


def _optimizers(module: Module) -> list[ast.Call]:
    calls = []
    for cell in module.file.cells:
        for node in ast.walk(cell.tree):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in _NAMES:
                    calls.append(node)
    return calls


def _parts(call: ast.Call, module: Module) -> Iterator[tuple[str, str]]:
    """(owner, part) of every `owner.part.parameters()` among an optimizer's arguments; the part is "" for the whole."""
    for node in ast.walk(call):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and "parameters" in node.func.attr:
            owner = node.func.value
            if isinstance(owner, ast.Attribute):
                yield ast.unparse(owner.value), owner.attr
            else:
                yield ast.unparse(owner), ""
        elif isinstance(node, ast.Name) and node is not call.func and isinstance(node.ctx, ast.Load):
            yield from _assigned(node.id, module)


def _assigned(name: str, module: Module) -> Iterator[tuple[str, str]]:
    """What a local list of parameters was made of."""
    for cell in module.file.cells:
        for node in ast.walk(cell.tree):
            if isinstance(node, ast.Assign) and any(getattr(item, "id", "") == name for item in node.targets):
                for part in ast.walk(node.value):
                    if isinstance(part, ast.Attribute) and "parameters" in part.attr:
                        owner = part.value
                        if isinstance(owner, ast.Attribute):
                            yield ast.unparse(owner.value), owner.attr
                        else:
                            yield ast.unparse(owner), ""


def _mentioned(module: Module) -> set[str]:
    """The parts whose parameters are asked for anywhere in a file: for another optimizer, a group, a freeze."""
    names: set[str] = set()
    for cell in module.file.cells:
        for node in ast.walk(cell.tree):
            if (
                isinstance(node, ast.Attribute) and "parameters" in node.attr and isinstance(node.value, ast.Attribute)
            ) or (
                isinstance(node, ast.Attribute)
                and node.attr in ("weight", "bias")
                and isinstance(node.value, ast.Attribute)
            ):
                names.add(node.value.attr)
    return names
