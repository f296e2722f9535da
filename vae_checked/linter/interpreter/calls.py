"""What calling means for each kind of value."""

from __future__ import annotations

from vae_checked.linter.interpreter import (
    configured,
    external_calls,
    hooks,
    methods,
    operators,
    selection,
    unread_options,
)
from vae_checked.linter.interpreter.construction import call_instance, construct
from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.symbols.expression import Expr, Site, atom, opaque
from vae_checked.linter.symbols.more_names import MoreNames, joined
from vae_checked.linter.symbols.values import (
    AnyOf,
    Choice,
    Class,
    External,
    Function,
    Instance,
    Layer,
    Method,
    Partial,
    Super,
    Transform,
    Value,
    as_expr,
)
from vae_checked.linter.symbols.values import Sequence as Layers
from vae_checked.linter.torch_model import layers, transforms


def call(context: Context, target: Value, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """target(*args, **kwargs)."""
    if isinstance(kwargs, MoreNames):
        made = unread_options.computed(target, kwargs.source, args, site)
        if made is not None:
            return made
        kwargs = joined(kwargs, unread_options.of_loss(target, kwargs.source))
    match target:
        case Function():
            return context.invoke(target, args, kwargs, site)
        case External():
            hooks.register_for_all(context, target.dotted, args, kwargs)
            return external_calls.call(context, target.dotted, args, kwargs, site)
        case Method():
            return methods.call(context, target, args, kwargs, site)
        case Class():
            return construct(context, target, args, kwargs, site)
        case Instance() | Layer() | Layers() if hooks.are_there(context):
            given = hooks.before(context, target, args, site)
            return hooks.after(context, target, given, _call_module(context, target, given, kwargs, site), site)
        case Instance() | Layer() | Layers():
            return _call_module(context, target, args, kwargs, site)
    return _call_made(context, target, args, kwargs, site)


def _call_module(
    context: Context, target: Instance | Layer | Layers, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Value:
    if isinstance(target, Instance):
        return call_instance(context, target, args, kwargs, site)
    if isinstance(target, Layer):
        # Code may have put another function in the place of its forward pass.
        other = target.attributes.get("forward") if target.attributes else None
        if isinstance(other, (Function, Instance)):
            return context.call(other, args, kwargs, site)
        made = layers.apply(context, target, args, kwargs, site)
        return made if other is None else hooks.unknown(made, site)
    return _call_layers(context, target, args, site)


def _call_layers(context: Context, target: Layers, args: list[Value], site: Site) -> Value:
    """The layers of a container, one after the other; a list of modules is called by nobody that was understood."""
    value: Value = args[0] if args else atom("input", site, context.serial())
    if not target.callable:
        return opaque("call", (opaque(f"container:{id(target)}", ()), as_expr(value, site)), site)
    for layer in list(target.items.values()):
        if isinstance(layer, Layer):
            given = hooks.before(context, layer, [value], site)
            value = layers.apply(context, layer, given, {}, site, inside=True)
            value = hooks.after(context, layer, given, value, site)
        else:
            value = context.call(layer, [value], {}, site)
    return value


def _call_made(context: Context, target: Value, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """What code makes of things that can be called, and what is not known to be one."""
    match target:
        case Choice():
            fitting = [item for item in (target.one, target.other) if selection.accepts(item, args, kwargs)]
            if len(fitting) == 1:
                return context.call(fitting[0], args, kwargs, site)
            one, other = context.path.in_both(target, lambda item: context.call(item, list(args), joined(kwargs), site))
            configured.note_other_part(context, one, other)
            return operators.merge(target.condition, one, other)
        case AnyOf():
            return selection.called(context, target, args, kwargs, site)
        case Partial():
            return context.call(target.target, [*target.args, *args], joined(target.kwargs, kwargs), site)
        case Transform():
            return transforms.applied(context, target, args, kwargs, site)
        case Super():
            return target
    model = context.stand_in(target)
    if isinstance(model, Function):
        return context.invoke(model, args, kwargs, site)
    if model is not None:
        return call_instance(context, model, args, kwargs, site)
    is_set = isinstance(target, Expr) and transforms.is_of_a_library(target)
    held = transforms.set_of_pictures(context, "", kwargs, site) if is_set else None
    if held is not None:
        return held
    parts = [as_expr(target, site), *(as_expr(item, site) for item in (*args, *kwargs.values()))]
    return opaque("call", tuple(parts), site)
