"""Objects of the project's classes: made, and called."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from vae_checked.linter.interpreter import derived_containers, derived_distributions, derived_losses, parts, records
from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.interpreter.open_options import is_of_activation, is_of_reduction
from vae_checked.linter.interpreter.ways import is_shut
from vae_checked.linter.symbols.drawing import DRAWS, rank
from vae_checked.linter.symbols.expression import Expr, Site, opaque
from vae_checked.linter.symbols.more_names import MoreNames
from vae_checked.linter.symbols.observations import UNREAD_OPTION
from vae_checked.linter.symbols.record_fields import field_names
from vae_checked.linter.symbols.values import (
    Class,
    Function,
    Instance,
    Layer,
    Value,
    as_expr,
    by_name,
)
from vae_checked.linter.symbols.values import Sequence as Layers
from vae_checked.linter.torch_model import layers

# The methods by which base classes of libraries make an instance of the class that they are asked of.
LOADERS = frozenset("from_pretrained load_from_checkpoint from_config _from_config from_checkpoint".split())


def construct(context: Context, cls: Class, args: list[Value], kwargs: dict[str, Value], site: Site | None) -> Value:
    """An instance of a class of the project, its __init__ run."""
    cls = context.instead_of(cls)
    if len(args) <= 1 and all(isinstance(item, dict) for item in args) and records.is_namespace(cls):
        return {
            **by_name(kwargs),
            **{key: item for given in args if isinstance(given, dict) for key, item in given.items()},
        }
    instance = Instance(cls, {}, site)
    if context.shuts_models and is_shut(cls):
        return instance
    init = cls.find("__init__")
    if isinstance(init, Function):
        if isinstance(init.node.args.args, list):
            # A call with more than is taken raises: it was written for another version, of which nothing is known.
            context.invoke(init.bound_to(instance), args if _takes(init, args) else [], kwargs, site)
        assembled = any(isinstance(item, (Instance, Layer, Layers)) for item in (*args, *kwargs.values()))
        if assembled and not context.observations.of_other_settings:
            context.project_observations.note_assembled(instance)
        if site is not None and isinstance(site.node, ast.Call):
            # What stands for a class by itself is made by its defaults.
            context.project_observations.note_choices(cls, _for_defaults(init, args, kwargs))
        return instance
    fields = field_names(cls)
    for name, value in zip(fields, args, strict=False):
        instance.attributes[name] = value
    instance.attributes.update(kwargs)
    if fields and isinstance(kwargs, MoreNames) and site is not None:
        _open_fields(context, instance, fields, kwargs.source, site)
    if fields:
        post = cls.find("__post_init__")
        if isinstance(post, Function):
            context.invoke(post.bound_to(instance), [], {}, site)
    else:
        derived_distributions.initialise(context, instance, cls, args, kwargs, site)
        derived_losses.initialise(context, instance, cls, args, kwargs, site)
    if not fields and site is not None:
        derived_containers.initialise(context, instance, cls, args, site)
        container = derived_containers.held(instance)
        if container is not None and derived_containers.is_bare(instance):
            return container
    return instance


def _open_fields(context: Context, instance: Instance, fields: Sequence[str], more: Expr, site: Site) -> None:
    """Leave open what a dict that is not known may give to the fields of a record: what chooses an activation."""
    for name in fields:
        if name not in instance.attributes and is_of_activation(name, instance.cls.find(name)):
            instance.attributes[name] = parts.item(context, more, name, site)


def loaded(context: Context, cls: Class, kwargs: dict[str, Value], site: Site) -> Value:
    """What `Class.from_pretrained(...)` of a library's base class makes: an instance, given what its __init__ takes.

    A class that draws nothing is no VAE, and stays what is not known.
    """
    if rank(cls) < DRAWS:
        return opaque(f"method:{cls.name}", tuple(as_expr(item, site) for item in kwargs.values()), site)
    init = cls.find("__init__")
    spec = init.node.args if isinstance(init, Function) else None
    taken = {item.arg for item in (*spec.args, *spec.kwonlyargs)} if spec is not None else set[str]()
    return construct(context, cls, [], {name: value for name, value in kwargs.items() if name in taken}, site)


def _for_defaults(init: Function, args: list[Value], kwargs: dict[str, Value]) -> dict[str, Value]:
    """What a call gives to parameters that have a default, by their names."""
    spec = init.node.args
    positional = [item.arg for item in (*spec.posonlyargs, *spec.args)]
    optional = {*positional[len(positional) - len(spec.defaults) :], *(item.arg for item in spec.kwonlyargs)}
    given = {**dict(zip(positional[1:], args, strict=False)), **kwargs}
    kept = {name: value for name, value in given.items() if name in optional}
    # What is given in the place of a reduction and not read is no default either.
    unread = {name for name in _reductions(init) if isinstance(kept.get(name, kwargs), (Expr, MoreNames))}
    return {**kept, **dict.fromkeys(unread, opaque(UNREAD_OPTION, ()))}


def _reductions(init: Function) -> list[str]:
    spec = init.node.args
    defaults = zip(reversed([*spec.posonlyargs, *spec.args]), reversed(spec.defaults), strict=False)
    by_name = zip(spec.kwonlyargs, spec.kw_defaults, strict=True)
    constants = ((item.arg, default) for item, default in (*defaults, *by_name) if isinstance(default, ast.Constant))
    return [name for name, default in constants if isinstance(default.value, str) and is_of_reduction(default.value)]


def _takes(init: Function, args: list[Value]) -> bool:
    """Whether an __init__ takes as many arguments by their place; of those behind a star nobody knows the number."""
    spec = init.node.args
    if spec.vararg is not None or any(isinstance(value, Expr) and value.op == "spread" for value in args):
        return True
    return len(args) < len(spec.posonlyargs) + len(spec.args)


def call_instance(context: Context, target: Instance, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """object(*args, **kwargs)."""
    if context.shuts_models and is_shut(target.cls):
        given = (as_expr(item, site) for item in (target, *args, *kwargs.values()))
        return opaque("call", tuple(given), site)
    for name in ("forward", "__call__"):
        found = target.cls.find(name)
        if isinstance(found, Function):
            return context.invoke(found.bound_to(target), args, kwargs, site)
    container = derived_containers.held(target)
    if container is not None:
        return context.call(container, args, kwargs, site)
    loss = derived_losses.held(target)
    if loss is not None:
        return layers.apply(context, loss, args, kwargs, site)
    inputs = tuple(as_expr(item, site) for item in (*args, *kwargs.values()))
    return Expr("layer", inputs, (("kind", target.cls.name), ("serial", id(target))), site)
