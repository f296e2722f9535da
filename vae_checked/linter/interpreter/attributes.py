"""What taking an attribute means for each kind of abstract value."""

from __future__ import annotations

import math

from vae_checked.linter.interpreter import (
    arguments,
    derived_containers,
    derived_distributions,
    float_limits,
    loss_choices,
    operators,
    selection,
)
from vae_checked.linter.interpreter.construction import LOADERS
from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.interpreter.wrappers import INNER
from vae_checked.linter.symbols.expression import Expr, Site, atom, opaque
from vae_checked.linter.symbols.values import (
    AnyOf,
    Choice,
    Class,
    Deferred,
    Distribution,
    External,
    Function,
    Instance,
    Layer,
    Loader,
    Method,
    Module,
    Partial,
    Scope,
    Super,
    Transform,
    Value,
    as_expr,
    by_name,
)
from vae_checked.linter.symbols.values import Sequence as Layers
from vae_checked.linter.torch_model import distributions, transforms

CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau}
# Where torch keeps the parts of a module by their names.
_MODULES = "_modules"
_NUMBER_MODULES = frozenset(("math", "numpy", "torch", "np"))


def attribute(context: Context, owner: Value, name: str, site: Site) -> Value:
    """owner.name, not called."""
    if isinstance(owner, Instance):
        return _instance_attribute(context, owner, name, site)
    if isinstance(owner, Class):
        found = owner.name if name == "__name__" else owner.find(name)
        if isinstance(found, Function) and found.is_of_class:
            return found.bound_to(owner)
        return atom(name, site, id(owner)) if found is None else found
    if isinstance(owner, External):
        known = CONSTANTS.get(name) if owner.dotted in _NUMBER_MODULES else None
        constant = float_limits.of_python(owner.dotted, name) if known is None else known
        return _below(context, f"{owner.dotted}.{name}") if constant is None else constant
    if isinstance(owner, (Module, AnyOf)):
        return owner if name == "__dict__" else selection.attribute(context, owner, name, site)
    if isinstance(owner, Distribution):
        return distributions.attribute(context, owner, name, site)
    if isinstance(owner, Layer):
        if name in owner.attributes:
            return owner.attributes[name]
        return Expr("weight", (), (("name", name), ("layer", owner.serial)), site)
    if isinstance(owner, Layers):
        return by_name(owner.items) if name == _MODULES else owner.items.get(name, atom(name, site, id(owner)))
    if isinstance(owner, dict) and name in owner:
        return owner[name]
    if isinstance(owner, (Loader, Transform, Function, dict, list, tuple, str, Partial)):
        return loader_attribute(context, owner, name, site)
    if isinstance(owner, Choice) and loss_choices.is_object(owner):
        return _of_either(context, owner, name, site)
    if isinstance(owner, Expr) and (owner.uid, name) in context.observations.put_on:
        return context.observations.put_on[owner.uid, name]
    model = context.stand_in(owner)
    if isinstance(model, Instance):
        return _instance_attribute(context, model, name, site)
    return _tensor_attribute(context, as_expr(owner, site), name, site)


def _below(context: Context, dotted: str) -> Value:
    """What a name below a package stands for that is no file itself: a file of its folder where that was imported."""
    importer = context.frames[-1].scope.module if context.frames else None
    if importer is None or dotted not in importer.dotted_imports:
        return context.imports.known(dotted)
    found = context.imports.deferred_module(dotted, importer)
    return found.settle() if isinstance(found, Deferred) else found


def loader_attribute(context: Context, owner: Value, name: str, site: Site) -> Value:
    """Attributes of data loaders and the like."""
    if isinstance(owner, Loader):
        if name in transforms.UNDERLYING:
            return owner
        pixels = transforms.raw(context, owner, name, site)
        if pixels is not None:
            return pixels
    return atom(name, site, id(owner))


def _instance_attribute(context: Context, owner: Instance, name: str, site: Site) -> Value:
    if name in owner.attributes:
        return owner.attributes[name]
    found = owner.cls.find(name)
    if isinstance(found, Function):
        written = getattr(found.node, "decorator_list", ())
        if not written:
            return found.bound_to(owner)
        decorators = {getattr(item, "id", getattr(item, "attr", "")) for item in written}
        if "staticmethod" in decorators:
            return found
        if "classmethod" in decorators:
            return found.bound_to(owner.cls)
        method = found.bound_to(owner)
        if decorators & {"property", "cached_property"}:
            return context.invoke(method, [], {}, site)
        return method
    if found is not None:
        return found
    if name == "training":
        return Expr("training", (), (), site)
    if name == _MODULES:
        return derived_containers.parts(owner)
    if name == "__class__":
        return owner.cls
    made = derived_distributions.held(owner)
    if isinstance(made, Distribution) and name in distributions.PROPERTIES:
        return distributions.attribute(context, made, name, site)
    if name in INNER and owner.cls.is_module:
        return owner
    return Expr("attribute", (), (("name", name), ("of", id(owner))), site)


def _tensor_attribute(context: Context, owner: Expr, name: str, site: Site) -> Value:
    if name == "shape":
        return Expr("shape", (owner,), (), site)
    if name == "data" and owner.get("packed"):
        return owner
    if name == "data":
        return Expr("detach", (owner,), (), site)
    if name in ("T", "mT", "H"):
        return Expr("move", (owner,), (("how", name), ("axes", "all")), site)
    if name in ("real", "values"):
        return owner
    if name == "use_return_dict":
        # A configuration of transformers has models return records unless somebody says otherwise.
        return True
    limit = float_limits.of_type(owner, name)
    if limit is not None:
        return limit
    default = arguments.default_of(context, owner, name)
    if default is not None:
        return default
    if owner.op in ("item", "batch", "opaque", "atom", "attribute", "phi") or arguments.are_parsed(owner):
        usual = arguments.number_by_default(context, owner, name)
        return Expr("attribute", (owner,), (("name", name), *(("default", each) for each in usual)), site)
    return opaque(f"attribute:{name}", (owner,), site)


def _of_either(context: Context, owner: Choice, name: str, site: Site) -> Value:
    """An attribute of one object or another, as the same condition says."""
    one, other = (attribute(context, each, name, site) for each in (owner.one, owner.other))
    return operators.merge(owner.condition, one, other)


def method(context: Context, owner: Value, name: str, site: Site) -> Value:
    """owner.name, about to be called."""
    if isinstance(owner, (Instance, Class, External)):
        found = attribute(context, owner, name, site)
        if isinstance(owner, Instance) and isinstance(found, Expr) and found.op == "attribute":
            return Method(owner, name)
        if isinstance(owner, Class) and name in LOADERS and owner.find(name) is None:
            return Method(owner, name)
        return found
    if isinstance(owner, (Module, AnyOf)):
        if name in selection.OF_NAMES and not (isinstance(owner, Module) and name in owner.scope.names):
            return Method(owner, name)
        return attribute(context, owner, name, site)
    if isinstance(owner, (Layer, Layers)):
        found = owner.attributes.get(name) if isinstance(owner, Layer) else owner.items.get(name)
        if found is not None:
            return found
    if isinstance(owner, Distribution) and name in distributions.PROPERTIES:
        return distributions.attribute(context, owner, name, site)
    if isinstance(owner, dict) and name in owner and not hasattr(dict, name):
        # A part of a namespace is called.
        return owner[name]
    if isinstance(owner, Choice) and loss_choices.is_object(owner):
        return _of_either(context, owner, name, site)
    if isinstance(owner, Expr) and (owner.uid, name) in context.observations.put_on:
        return context.observations.put_on[owner.uid, name]
    return Method(owner, name)


def super_of(context: Context, scope: Scope) -> Value:
    """super() or super(Class, self): the instance seen from its base."""
    for frame in reversed(context.frames):
        if frame.function is not None and frame.function.owner is not None:
            names = frame.scope.names
            first = next(iter(names.values()), None)
            return Super(first, frame.function.owner)
    return atom("super", None, id(scope))
