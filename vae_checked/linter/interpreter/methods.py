"""What calling a method means for each kind of owner."""

from __future__ import annotations

from vae_checked.linter.interpreter import (
    arguments,
    binding,
    construction,
    containers,
    derived_containers,
    derived_distributions,
    derived_losses,
    hooks,
    operators,
    parts,
    put_in,
    records,
    resized,
    selection,
    trainers,
    wrappers,
)
from vae_checked.linter.interpreter.context import UNREAD, Context
from vae_checked.linter.symbols.expression import Expr, Site, opaque
from vae_checked.linter.symbols.more_names import joined
from vae_checked.linter.symbols.registered import serials
from vae_checked.linter.symbols.values import (
    AnyOf,
    Choice,
    Class,
    Distribution,
    Function,
    Instance,
    Layer,
    Loader,
    Method,
    Module,
    Super,
    Value,
    as_expr,
)
from vae_checked.linter.symbols.values import Sequence as Layers
from vae_checked.linter.torch_model import (
    distributions,
    fields,
    layers,
    noise,
    norms,
    optimizers,
    own_leaves,
    pictures,
    scalers,
)
from vae_checked.linter.torch_model.functions import HANDLERS, larger_or_smaller, of_kept_module, plain

_PARAMETERS = ("parameters", "named_parameters")
# The method that setattr() and an assignment call.
_SETTING = "__setattr__"
_SELF_RETURNING = frozenset(
    "to cuda cpu eval train float double half bfloat16 requires_grad_ apply share_memory xpu type compile".split()
)
_REGISTERING = ("add_module", "register_module", "register_buffer", "register_parameter")
# What nn.Module does, whether an object is asked for it or the base of its class.
_OF_MODULES = _SELF_RETURNING.union(_REGISTERING, _PARAMETERS, ("load_state_dict",))


def call(context: Context, target: Method, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """owner.name(*args, **kwargs)."""
    owner, name = target.owner, target.name
    hooks.register(context, owner, name, args, kwargs, site)
    match owner:
        case Module() | AnyOf():
            found = selection.asked(context, owner, name, args, site)
            return opaque(f"method:{name}", (as_expr(owner, site),), site) if found is UNREAD else found
        case Class():
            return construction.loaded(context, owner, kwargs, site)
        case Super():
            return _call_super(context, owner, name, args, kwargs, site)
        case Instance():
            return _call_on_instance(context, owner, name, args, kwargs, site)
        case Choice():
            one, other = context.path.in_both(
                owner, lambda item: call(context, Method(item, name), list(args), joined(kwargs), site)
            )
            return operators.merge(owner.condition, one, other)
        case Layers():
            if name in _PARAMETERS:
                return optimizers.asked_for(context, owner, name, site)
            if name == "load_state_dict":
                context.project_observations.note_loaded(serials(owner))
            return owner if name in _SELF_RETURNING else layers.call_method(owner, name, args, kwargs, site)
        case Layer():
            return _call_on_layer(context, owner, name, args, kwargs, site)
        case Distribution():
            return distributions.call_method(context, owner, name, args, kwargs, site)
        case list() | dict() | str() | tuple():
            if name == "append" and args and context.is_repeated:
                context.root(args[0], "kept", "", site.node)
            return containers.call_method(owner, name, args, site)
        case Loader():
            return parts.batch(context, owner) if name in ("next", "__next__", "next_batch") else owner
    model = context.stand_in(owner)
    if isinstance(model, Instance) and isinstance(found := model.cls.find(name), Function):
        return context.invoke(found if found.is_static else found.bound_to(model), args, kwargs, site)
    if isinstance(model, Instance) and name in wrappers.INNER:
        return construction.call_instance(context, model, args, kwargs, site)
    if isinstance(model, Instance) and name in model.attributes:
        return context.call(model.attributes[name], args, kwargs, site)
    if isinstance(model, Instance) and name in _PARAMETERS:
        return optimizers.asked_for(context, model, name, site)
    return _call_on_tensor(context, as_expr(owner, site), name, args, kwargs, site)


def _call_super(
    context: Context, owner: Super, name: str, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Value:
    instance, cls = owner.instance, owner.cls
    for base in list(cls.mro())[1:]:
        found = base.names.get(name)
        if isinstance(found, Function):
            return context.invoke(found.bound_to(instance), args, kwargs, site)
    if isinstance(instance, Instance) and (name == _SETTING or (cls.is_module and name in _OF_MODULES)):
        return _call_on_instance(context, instance, name, args, kwargs, site)
    if name == "__init__" and isinstance(instance, Instance):
        derived_distributions.initialise(context, instance, cls, args, kwargs, site)
        derived_losses.initialise(context, instance, cls, args, kwargs, site)
        derived_containers.initialise(context, instance, cls, args, site)
        return None
    container = derived_containers.held(instance)
    if name in ("forward", "__call__") and container is not None:
        return context.call(container, args, kwargs, site)
    loss = derived_losses.held(instance)
    if name in ("forward", "__call__") and loss is not None:
        return layers.apply(context, loss, args, kwargs, site)
    made = derived_distributions.held(instance)
    if isinstance(made, Distribution):
        return distributions.call_method(context, made, name, args, kwargs, site)
    return opaque(f"super:{name}", _given(args, kwargs, site), site)


def _call_on_layer(
    context: Context, owner: Layer, name: str, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Value:
    if name == "forward":
        return layers.apply(context, owner, args, kwargs, site)
    if name in _PARAMETERS:
        return optimizers.asked_for(context, owner, name, site)
    if name == "load_state_dict":
        context.project_observations.note_loaded(serials(owner))
    return owner if name in _SELF_RETURNING else opaque(f"method:{name}", _given(args, kwargs, site), site)


def _call_on_instance(
    context: Context, owner: Instance, name: str, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Value:
    if name in _REGISTERING:
        given = [*args, *(kwargs[key] for key in ("name", "module", "tensor", "param") if key in kwargs)]
        if len(given) >= 2:
            # A name that is not known is taken for a new one.
            known = given[0] if isinstance(given[0], str) else f"unknown {len(owner.attributes)}"
            owner.attributes[known] = given[1]
            derived_containers.register(owner, known, given[1])
        return None
    if name == _SETTING and len(args) == 2:
        set_to = binding.set_by_name(context, owner, args[0], args[1], site)
        return None if set_to is UNREAD else set_to
    if name in _SELF_RETURNING:
        return owner
    if name in _PARAMETERS:
        return optimizers.asked_for(context, owner, name, site)
    made = derived_distributions.held(owner)
    if isinstance(made, Distribution):
        return distributions.call_method(context, made, name, args, kwargs, site)
    found = derived_containers.asked(owner, name, args, kwargs, site)
    if found is not UNREAD:
        return found
    if name == "_replace":
        return records.replaced(owner, kwargs)
    if name == "_asdict":
        return records.by_name(owner)
    if name == "load_state_dict":
        context.project_observations.note_loaded(serials(owner))
    if owner.other is not None and isinstance(method := owner.other.cls.find(name), Function):
        return context.invoke(method if method.is_static else method.bound_to(owner.other), args, kwargs, site)
    moved = wrappers.moved(f"self.{name}", args)
    return opaque(f"method:{owner.cls.name}.{name}", _given(args, kwargs, site), site) if moved is None else moved


def _call_on_tensor(
    context: Context, owner: Expr, name: str, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Value:
    """A method of a tensor or of something unknown."""
    found = put_in.call_method(context, owner, name, args, kwargs)
    if found is not UNREAD:
        return found
    resized.note(context, owner, name, args, site)
    if name == "add_argument":
        arguments.declare(context, args, kwargs, site)
    if name == "add_param_group":
        optimizers.added(context, args, kwargs, site)
    if name == "register_hook" and hooks.erases(context, args, site):
        # For all that is computed from it afterwards it is as if it were cut off.
        return Expr("detach", (owner,), (), site)
    if name == "step" and len(args) == 1 and isinstance(args[0], Function):
        # An optimizer that asks for the loss itself.
        return context.invoke(args[0], [], {}, site)
    if name in ("train", "eval") and len(args) <= 1 and owner.op in ("atom", "attribute", "item"):
        # No tensor has either: a model that is handed over hands itself back.
        return owner
    if name == "requires_grad_" and args[:1] != [False]:
        own = own_leaves.learned(owner, context.serial(), site)
        if own is not None:
            return own
    if name == "copy_" and args:
        # It holds nothing of what it held before.
        return HANDLERS["clone"](context, args[:1], {}, site)
    if name == "fit":
        trainers.fit(context, args, kwargs, site)
    if name in fields.TRANSFORMED and len(args) == 1:
        rows = fields.with_transform(context, args[0], site)
        if rows is not None:
            return rows
    given = wrappers.prepared(name, args, kwargs)
    if given is None:
        given = wrappers.scaled_loss(owner, name, args)
    if given is not None:
        return given
    picture = pictures.method(owner, name, args, kwargs, site)
    if picture is not None:
        return picture
    scaled = scalers.method(context, owner, name, args, kwargs, site)
    if scaled is not None:
        return scaled
    made = noise.from_method(context, owner, name, args, kwargs, site)
    if made is None and name in ("new", "new_empty"):
        made = noise.unfilled(name, args, site)
    if made is not None:
        return made
    kept = of_kept_module(owner, name, args, kwargs, site)
    if kept is not None:
        return kept
    handler = HANDLERS.get(plain(name))
    if handler is not None:
        return handler(context, [owner, *args], kwargs, site)
    extreme = larger_or_smaller(name, [owner, *args], kwargs, site)
    if extreme is not None:
        return extreme
    apart = norms.distance(name, [owner, *args], kwargs, site)
    if apart is not None:
        return apart
    divergence = distributions.unknown_method(owner, name, site)
    if divergence is not None:
        return divergence
    call = Expr("call", (owner, *_given(args, kwargs, site)), (("name", name),), site)
    if name == "decode":
        context.observations.decoded.setdefault(call.uid, set()).add(not context.gradient_is_off)
    return call


def _given(args: list[Value], kwargs: dict[str, Value], site: Site) -> tuple[Expr, ...]:
    """All that a method which is not read is given, and what it returns may be made of."""
    return tuple(as_expr(item, site) for item in (*args, *kwargs.values()))
