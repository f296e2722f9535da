"""What calling and taking attributes means for each kind of abstract value."""

from __future__ import annotations

import math
from collections.abc import Callable

from vae_checked.linter.interpreter import arguments, builtin_functions, operators
from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.symbols.expression import Expr, Site, atom, opaque, strip
from vae_checked.linter.symbols.values import (
    Choice,
    Class,
    Distribution,
    External,
    Function,
    Instance,
    Layer,
    Loader,
    Method,
    Open,
    Partial,
    Transform,
    Value,
    as_expr,
    field_names,
    is_number,
    number_of,
)
from vae_checked.linter.symbols.values import Sequence as Layers
from vae_checked.linter.torch_model import distributions, layers, losses, noise, transforms
from vae_checked.linter.torch_model.functions import HANDLERS, MATH, plain

_SELF_RETURNING = frozenset(
    "to cuda cpu eval train float double half bfloat16 requires_grad_ apply share_memory xpu type compile".split()
)


def call(context: Context, target: Value, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """target(*args, **kwargs)."""
    if isinstance(target, Function):
        return context.invoke(target, args, kwargs, site)
    if isinstance(target, External):
        return _call_external(context, target.dotted, args, kwargs, site)
    if isinstance(target, Method):
        return _call_method(context, target, args, kwargs, site)
    if isinstance(target, Class):
        return construct(context, target, args, kwargs, site)
    if isinstance(target, Instance):
        return _call_instance(context, target, args, kwargs, site)
    if isinstance(target, Layer):
        return layers.apply(context, target, args, kwargs, site)
    if isinstance(target, Layers):
        value: Value = args[0] if args else atom("input", site, context.serial())
        for layer in list(target.items.values()) if target.callable else ():
            if isinstance(layer, Layer):
                value = layers.apply(context, layer, [value], {}, site, inside=True)
            else:
                value = context.call(layer, [value], {}, site)
        return value
    if isinstance(target, Choice):
        one, other = (context.call(item, list(args), dict(kwargs), site) for item in (target.one, target.other))
        return operators.merge(target.condition, one, other)
    if isinstance(target, Partial):
        return context.call(target.target, [*target.args, *args], {**target.kwargs, **kwargs}, site)
    if isinstance(target, Transform):
        return transforms.transformed(context, target, as_expr(args[0], site) if args else atom("image", site), site)
    model = context.stand_in(target)
    if model is not None:
        return _call_instance(context, model, args, kwargs, site)
    parts = [as_expr(target, site), *(as_expr(item, site) for item in (*args, *kwargs.values()))]
    return opaque("call", tuple(parts), site)


def construct(context: Context, cls: Class, args: list[Value], kwargs: dict[str, Value], site: Site | None) -> Value:
    """An instance of a class of the project, its __init__ run."""
    instance = Instance(cls, {}, site)
    init = cls.find("__init__")
    if isinstance(init, Function):
        if isinstance(init.node.args.args, list):
            context.invoke(init.bound_to(instance), args, kwargs, site)
        if any(isinstance(item, (Instance, Layer, Layers)) for item in (*args, *kwargs.values())):
            context.project_observations.note_assembled(instance)
        return instance
    fields = field_names(cls)
    for name, value in zip(fields, args, strict=False):
        instance.attributes[name] = value
    instance.attributes.update(kwargs)
    if fields:
        post = cls.find("__post_init__")
        if isinstance(post, Function):
            context.invoke(post.bound_to(instance), [], {}, site)
    elif any(name.endswith("nn.Sequential") for name in cls.external_bases()):
        return layers.sequential(args, site)
    return instance


def _call_instance(
    context: Context, target: Instance, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Value:
    for name in ("forward", "__call__"):
        found = target.cls.find(name)
        if isinstance(found, Function):
            return context.invoke(found.bound_to(target), args, kwargs, site)
    if "_sequence" in target.attributes:
        return context.call(target.attributes["_sequence"], args, kwargs, site)
    inputs = tuple(as_expr(item, site) for item in args)
    return Expr("layer", inputs, (("kind", target.cls.name), ("serial", id(target))), site)


def _call_method(context: Context, target: Method, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    owner, name = target.owner, target.name
    if name == "super" and isinstance(owner, tuple):
        return Method(owner, "super")
    if isinstance(owner, Method) and owner.name == "super":
        return _call_super(context, owner.owner, name, args, kwargs, site)
    if isinstance(owner, Instance):
        return _call_on_instance(owner, name, args, kwargs, site)
    if isinstance(owner, Choice):
        each = (Method(item, name) for item in (owner.one, owner.other))
        one, other = (_call_method(context, item, list(args), dict(kwargs), site) for item in each)
        return operators.merge(owner.condition, one, other)
    if isinstance(owner, Layers):
        return layers.call_method(owner, name, args, kwargs)
    if isinstance(owner, Layer):
        if name == "forward":
            return layers.apply(context, owner, args, kwargs, site)
        return owner if name in _SELF_RETURNING else opaque(f"method:{name}", (), site)
    if isinstance(owner, Distribution):
        return distributions.call_method(context, owner, name, args, site)
    if isinstance(owner, (list, dict, str, tuple)):
        return _call_on_container(owner, name, args, site)
    if isinstance(owner, Loader):
        return operators.batch(context, owner) if name in ("next", "__next__", "next_batch") else owner
    model = context.stand_in(owner)
    if model is not None and isinstance(found := model.cls.find(name), Function):
        return context.invoke(found if found.is_static else found.bound_to(model), args, kwargs, site)
    return tensor_method(context, as_expr(owner, site), name, args, kwargs, site)


def _call_super(
    context: Context, owner: Value, name: str, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Value:
    instance, cls = owner
    for base in list(cls.mro())[1:]:
        found = base.names.get(name)
        if isinstance(found, Function):
            return context.invoke(found.bound_to(instance), args, kwargs, site)
    if name == "__init__" and isinstance(instance, Instance):
        if any(item.endswith("Sequential") for item in cls.external_bases()):
            instance.attributes["_sequence"] = layers.sequential(args, site)
        return None
    if name in ("forward", "__call__") and isinstance(instance, Instance) and "_sequence" in instance.attributes:
        return context.call(instance.attributes["_sequence"], args, kwargs, site)
    return opaque(f"super:{name}", tuple(as_expr(item, site) for item in args), site)


def _call_on_instance(owner: Instance, name: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    if name in ("add_module", "register_module", "register_buffer", "register_parameter"):
        given = [*args, *(kwargs[key] for key in ("name", "module", "tensor", "param") if key in kwargs)]
        if len(given) >= 2 and isinstance(given[0], str):
            owner.attributes[given[0]] = given[1]
        return None
    if name in _SELF_RETURNING:
        return owner
    if name == "parameters":
        return Expr("parameters", (), (("of", id(owner)),), site)
    if name == "_replace":
        return owner
    return opaque(f"method:{owner.cls.name}.{name}", tuple(as_expr(item, site) for item in args), site)


def _call_on_container(owner: Value, name: str, args: list[Value], site: Site) -> Value:
    if isinstance(owner, list):
        if name == "append" and args:
            owner.append(args[0])
            return None
        if name == "extend" and args and isinstance(args[0], (list, tuple)):
            owner.extend(args[0][: max(0, operators.MAX_ITEMS - len(owner))])
            return None
        if name == "insert" and len(args) == 2 and isinstance(args[0], int):
            owner.insert(args[0], args[1])
            return None
        if name == "reverse":
            owner.reverse()
            return None
        if name == "pop" and owner:
            return owner.pop(
                int(args[0]) if args and is_number(args[0]) and -len(owner) <= args[0] < len(owner) else -1
            )
    if isinstance(owner, dict):
        if name == "items":
            return list(owner.items())
        if name == "values":
            return list(owner.values())
        if name == "keys":
            return owner if isinstance(owner, Open) else list(owner)
        if name in ("get", "pop") and args and isinstance(args[0], str):
            return owner.get(args[0], args[1] if len(args) > 1 else None)
        if name == "get" and args and (either := operators.chosen(owner, args[0], site)) is not None:
            return either
        if name == "update" and args and isinstance(args[0], dict):
            owner.update(args[0])
            return None
    if isinstance(owner, str):
        if name in ("lower", "upper", "strip") and not args:
            return str(getattr(owner, name)())
        if name == "format" and all(isinstance(item, (str, int, float)) for item in args):
            # Only which names are alike matters, not how wide their numbers are printed.
            return operators.filled(owner, args)
        return opaque(f"text:{name}", (), site)
    if name == "copy" and isinstance(owner, (list, dict)):
        return owner.copy()
    return opaque(f"method:{name}", tuple(as_expr(item, site) for item in args), site)


def tensor_method(
    context: Context, owner: Expr, name: str, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Value:
    """A method of a tensor or of something unknown."""
    if name == "add_argument":
        arguments.declare(context, args, kwargs, site)
    picture = transforms.picture_method(owner, name, site)
    if picture is not None:
        return picture
    made = noise.from_method(context, owner, name, args, kwargs, site)
    if made is None and name in ("new", "new_empty"):
        made = noise.unfilled(name, args, site)
    if made is not None:
        return made
    handler = HANDLERS.get(plain(name))
    if handler is not None:
        return handler(context, [owner, *args], kwargs, site)
    divergence = distributions.unknown_method(owner, name, site)
    if divergence is not None:
        return divergence
    extra = tuple(as_expr(item, site) for item in (*args, *kwargs.values()))
    return Expr("call", (owner, *extra), (("name", name),), site)


# ------------------------------------------------------------------------------------------ external calls


def _call_external(context: Context, dotted: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    top, _, rest = dotted.partition(".")
    last = dotted.rpartition(".")[2]
    if top == "builtins":
        return builtin_functions.call(context, rest, args, kwargs, site)
    if last in _CALLERS:
        return _CALLERS[last](context, args, kwargs, site)
    made = transforms.construct(context, dotted, args, kwargs, site)
    if made is not None:
        return made
    if args and isinstance(args[0], Distribution) and last in ("sample", "rsample", "log_prob", "entropy"):
        return distributions.call_method(context, args[0], last, args[1:], site)
    if "distributions" in dotted or last in distributions.FAMILIES or last == "kl_divergence":
        made = distributions.construct(context, last, args, kwargs, site)
        if made is not None:
            return made
    made = noise.from_function(context, dotted, args, kwargs, site)
    if made is not None:
        return made
    if last in noise.UNFILLED:
        made = noise.unfilled(last, args, site)
        if made is not None:
            return made
    made = losses.functional(context, last, args, kwargs, site)
    if made is not None:
        return made
    if layers.is_layer(dotted):
        return layers.construct(context, last, args, kwargs, site)
    if top == "math" and last not in MATH:
        return opaque(dotted, tuple(as_expr(item, site) for item in args), site)
    handler = HANDLERS.get(plain(last))
    if handler is not None and (args or kwargs) and top in _TENSOR_LIBRARIES:
        return handler(context, list(args), dict(kwargs), site)
    if last == "einsum":
        return opaque("einsum", tuple(as_expr(item, site) for item in args), site)
    extra = tuple(as_expr(item, site) for item in (*args, *kwargs.values()))
    return opaque(dotted, extra, site)


_TENSOR_LIBRARIES = frozenset(("torch", "numpy", "math", "np", "functional", "scipy", "einops", "jax", "tensor"))


def _partial(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return Partial(args[0], tuple(args[1:]), dict(kwargs)) if args else None


def _checkpoint(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    kwargs = {name: value for name, value in kwargs.items() if name not in ("use_reentrant", "preserve_rng_state")}
    return context.call(args[0], args[1:], kwargs, site) if args else None


def _first(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return args[0] if args else None


def _namespace(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return dict(kwargs)


def _parameter(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """nn.Parameter: a tensor of its own that is learned."""
    return Expr("parameter", (), (("serial", context.serial()),), site)


def _product(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """prod of numbers, or of a tensor's sizes: a count of its elements."""
    values = args[0] if args else ()
    if isinstance(values, (list, tuple)):
        numbers = [number for number in map(number_of, values) if number is not None]
        if len(numbers) < len(values):
            return opaque("prod", tuple(as_expr(item, site) for item in values), site)
        total = math.prod(numbers)
        return int(total) if total == int(total) else total
    sizes = strip(as_expr(values, site))
    if sizes.op == "shape":
        return Expr("size", sizes.args, (("axis", "all"),), site)
    return opaque("prod", tuple(as_expr(item, site) for item in args), site)


_CALLERS: dict[str, Callable[[Context, list[Value], dict[str, Value], Site], Value]] = {
    "Parameter": _parameter,
    "partial": _partial,
    "checkpoint": _checkpoint,
    "tqdm": _first,
    "trange": lambda context, args, kwargs, site: [atom("epoch", site)],
    "DataParallel": _first,
    "DistributedDataParallel": _first,
    "deepcopy": _first,
    "compile": _first,
    "script": _first,
    "vmap": _first,
    "fork": lambda context, args, kwargs, site: context.call(args[0], args[1:], kwargs, site) if args else None,
    "wait": _first,
    "SimpleNamespace": _namespace,
    "OrderedDict": lambda context, args, kwargs, site: (
        {pair[0]: pair[1] for pair in args[0] if isinstance(pair, (tuple, list)) and len(pair) == 2}
        if args and isinstance(args[0], (list, tuple))
        else dict(kwargs)
    ),
    "weight_norm": _first,
    "spectral_norm": _first,
    "prod": _product,
}
