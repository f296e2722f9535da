"""What calling and taking attributes means for each kind of abstract value."""

from __future__ import annotations

import ast
import math
from typing import TYPE_CHECKING

from vae_checked.linter.interpreter import arguments, builtin_functions, operators
from vae_checked.linter.interpreter.values import (
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
    Scope,
    Transform,
    Value,
    as_expr,
    field_names,
    is_number,
    number_of,
)
from vae_checked.linter.interpreter.values import Sequence as Layers
from vae_checked.linter.symbols.expression import Expr, Site, atom, opaque, strip
from vae_checked.linter.torch_model import distributions, layers, losses, noise, transforms
from vae_checked.linter.torch_model.functions import HANDLERS, MATH, Handler, plain

if TYPE_CHECKING:
    from vae_checked.linter.interpreter.interpreter import Interpreter


_SELF_RETURNING = frozenset(
    "to cuda cpu eval train float double half bfloat16 requires_grad_ apply share_memory xpu type compile".split()
)


def bind_parameters(
    interpreter: Interpreter,
    function: Function,
    args: list[Value],
    kwargs: dict[str, Value],
    scope: Scope,
    site: Site | None,
) -> None:
    """Bind a call's arguments to a function's parameters; what is missing and has no default becomes an atom."""
    spec, names = function.node.args, scope.names
    parameters = [*spec.posonlyargs, *spec.args] if spec.posonlyargs else spec.args
    given = list(args) if function.bound is None else [function.bound, *args]
    if any(isinstance(value, Expr) and value.op == "spread" for value in given):
        given = _fill_spread(interpreter, given, len(parameters), site or interpreter.site(function.node))
    for parameter, value in zip(parameters, given, strict=False):
        names[parameter.arg] = value
        _name(interpreter, value, parameter.arg)
    if spec.vararg is not None:
        names[spec.vararg.arg] = tuple(given[len(parameters) :])
    rest = {name: value for name, value in kwargs.items() if name not in names} if kwargs else {}
    if len(given) < len(parameters) or spec.kwonlyargs:
        _bind_rest(interpreter, function, parameters, rest, names)
    if spec.kwarg is not None:
        names[spec.kwarg.arg] = rest if len(interpreter.frames) > 1 else Open(rest)


def _bind_rest(
    interpreter: Interpreter,
    function: Function,
    parameters: list[ast.arg],
    rest: dict[str, Value],
    names: dict[str, Value],
) -> None:
    """Bind the parameters that were not given by position, and take them out of `rest`."""
    spec = function.node.args
    defaults: dict[str, ast.expr] = {}
    for parameter, default in zip(reversed(parameters), reversed(spec.defaults), strict=False):
        defaults[parameter.arg] = default
    for parameter, keyword_default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
        if keyword_default is not None:
            defaults[parameter.arg] = keyword_default
    for parameter in (*parameters, *spec.kwonlyargs):
        name = parameter.arg
        if name in names:
            continue
        if name in rest:
            names[name] = rest.pop(name)
            _name(interpreter, names[name], name)
        elif name in defaults:
            names[name] = interpreter.eval(defaults[name], function.scope)
        else:
            names[name] = atom(name, interpreter.site(parameter), interpreter.serial())
            _name(interpreter, names[name], name)


def _fill_spread(interpreter: Interpreter, given: list[Value], wanted: int, site: Site) -> list[Value]:
    """Replace `*something unknown` by as many of its items as the parameters can take."""
    for index, value in enumerate(given):
        if isinstance(value, Expr) and value.op == "spread":
            count = max(1, wanted - len(given) + 1)
            parts = [operators.item(interpreter, value.args[0], number, site) for number in range(count)]
            return [*given[:index], *parts, *given[index + 1 :]]
    return given


def _name(interpreter: Interpreter, value: Value, name: str) -> None:
    if isinstance(value, Expr):
        known = interpreter.observations.names.setdefault(value.uid, [])
        if name not in known:
            known.append(name)


# -------------------------------------------------------------------------------------------------- calls


def call(interpreter: Interpreter, target: Value, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """target(*args, **kwargs)."""
    if isinstance(target, Function):
        return interpreter.invoke(target, args, kwargs, site)
    if isinstance(target, External):
        return _call_external(interpreter, target.dotted, args, kwargs, site)
    if isinstance(target, Method):
        return _call_method(interpreter, target, args, kwargs, site)
    if isinstance(target, Class):
        return construct(interpreter, target, args, kwargs, site)
    if isinstance(target, Instance):
        return _call_instance(interpreter, target, args, kwargs, site)
    if isinstance(target, Layer):
        return layers.apply(interpreter, target, args, kwargs, site)
    if isinstance(target, Layers):
        value: Value = args[0] if args else atom("input", site, interpreter.serial())
        for layer in list(target.items.values()) if target.callable else ():
            if isinstance(layer, Layer):
                value = layers.apply(interpreter, layer, [value], {}, site, inside=True)
            else:
                value = interpreter.call(layer, [value], {}, site)
        return value
    if isinstance(target, Choice):
        one, other = (interpreter.call(item, list(args), dict(kwargs), site) for item in (target.one, target.other))
        return operators.merge(target.condition, one, other)
    if isinstance(target, Partial):
        return interpreter.call(target.target, [*target.args, *args], {**target.kwargs, **kwargs}, site)
    if isinstance(target, Transform):
        return transforms.transformed(
            interpreter, target, as_expr(args[0], site) if args else atom("image", site), site
        )
    model = interpreter.stand_in(target)
    if model is not None:
        return _call_instance(interpreter, model, args, kwargs, site)
    parts = [as_expr(target, site), *(as_expr(item, site) for item in (*args, *kwargs.values()))]
    return opaque("call", tuple(parts), site)


def construct(
    interpreter: Interpreter, cls: Class, args: list[Value], kwargs: dict[str, Value], site: Site | None
) -> Value:
    """An instance of a class of the project, its __init__ run."""
    instance = Instance(cls, {}, site)
    init = cls.find("__init__")
    if isinstance(init, Function):
        if isinstance(init.node.args.args, list):
            interpreter.invoke(operators.bound(init, instance), args, kwargs, site)
        if any(isinstance(item, (Instance, Layer, Layers)) for item in (*args, *kwargs.values())):
            interpreter.assembled.setdefault(id(cls.node), instance)
        return instance
    fields = field_names(cls)
    for name, value in zip(fields, args, strict=False):
        instance.attributes[name] = value
    instance.attributes.update(kwargs)
    if fields:
        post = cls.find("__post_init__")
        if isinstance(post, Function):
            interpreter.invoke(operators.bound(post, instance), [], {}, site)
    elif any(name.endswith("nn.Sequential") for name in cls.external_bases()):
        return layers.sequential(args, site)
    return instance


def _call_instance(
    interpreter: Interpreter, target: Instance, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Value:
    for name in ("forward", "__call__"):
        found = target.cls.find(name)
        if isinstance(found, Function):
            result = interpreter.invoke(operators.bound(found, target), args, kwargs, site)
            interpreter.observations.called_instances.append((target, args, result))
            return result
    if "_sequence" in target.attributes:
        return interpreter.call(target.attributes["_sequence"], args, kwargs, site)
    inputs = tuple(as_expr(item, site) for item in args)
    return Expr("layer", inputs, (("kind", target.cls.name), ("serial", id(target))), site)


def _call_method(
    interpreter: Interpreter, target: Method, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Value:
    owner, name = target.owner, target.name
    if name == "super" and isinstance(owner, tuple):
        return Method(owner, "super")
    if isinstance(owner, Method) and owner.name == "super":
        return _call_super(interpreter, owner.owner, name, args, kwargs, site)
    if isinstance(owner, Instance):
        return _call_on_instance(owner, name, args, kwargs, site)
    if isinstance(owner, Choice):
        each = (Method(item, name) for item in (owner.one, owner.other))
        one, other = (_call_method(interpreter, item, list(args), dict(kwargs), site) for item in each)
        return operators.merge(owner.condition, one, other)
    if isinstance(owner, Layers):
        return layers.call_method(owner, name, args, kwargs)
    if isinstance(owner, Layer):
        if name == "forward":
            return layers.apply(interpreter, owner, args, kwargs, site)
        return owner if name in _SELF_RETURNING else opaque(f"method:{name}", (), site)
    if isinstance(owner, Distribution):
        return distributions.call_method(interpreter, owner, name, args, site)
    if isinstance(owner, (list, dict, str, tuple)):
        return _call_on_container(owner, name, args, site)
    if isinstance(owner, Loader):
        return operators.batch(interpreter, owner) if name in ("next", "__next__", "next_batch") else owner
    model = interpreter.stand_in(owner)
    if model is not None and isinstance(found := model.cls.find(name), Function):
        return interpreter.invoke(found if found.is_static else operators.bound(found, model), args, kwargs, site)
    return tensor_method(interpreter, as_expr(owner, site), name, args, kwargs, site)


def _call_super(
    interpreter: Interpreter, owner: Value, name: str, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Value:
    instance, cls = owner
    for base in list(cls.mro())[1:]:
        found = base.names.get(name)
        if isinstance(found, Function):
            return interpreter.invoke(operators.bound(found, instance), args, kwargs, site)
    if name == "__init__" and isinstance(instance, Instance):
        if any(item.endswith("Sequential") for item in cls.external_bases()):
            instance.attributes["_sequence"] = layers.sequential(args, site)
        return None
    if name in ("forward", "__call__") and isinstance(instance, Instance) and "_sequence" in instance.attributes:
        return interpreter.call(instance.attributes["_sequence"], args, kwargs, site)
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
    interpreter: Interpreter, owner: Expr, name: str, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Value:
    """A method of a tensor or of something unknown."""
    if name == "add_argument":
        arguments.declare(interpreter, args, kwargs, site)
    picture = transforms.picture_method(owner, name, site)
    if picture is not None:
        return picture
    made = noise.from_method(interpreter, owner, name, args, kwargs, site)
    if made is None and name in ("new", "new_empty"):
        made = noise.unfilled(name, args, site)
    if made is not None:
        return made
    handler = HANDLERS.get(plain(name))
    if handler is not None:
        return handler(interpreter, [owner, *args], kwargs, site)
    divergence = distributions.unknown_method(owner, name, site)
    if divergence is not None:
        return divergence
    extra = tuple(as_expr(item, site) for item in (*args, *kwargs.values()))
    return Expr("call", (owner, *extra), (("name", name),), site)


# ------------------------------------------------------------------------------------------ external calls


def _call_external(
    interpreter: Interpreter, dotted: str, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Value:
    top, _, rest = dotted.partition(".")
    last = dotted.rpartition(".")[2]
    if top == "builtins":
        return builtin_functions.call(interpreter, rest, args, kwargs, site)
    if last in _CALLERS:
        return _CALLERS[last](interpreter, args, kwargs, site)
    made = transforms.construct(interpreter, dotted, args, kwargs, site)
    if made is not None:
        return made
    if args and isinstance(args[0], Distribution) and last in ("sample", "rsample", "log_prob", "entropy"):
        return distributions.call_method(interpreter, args[0], last, args[1:], site)
    if "distributions" in dotted or last in distributions.FAMILIES or last == "kl_divergence":
        made = distributions.construct(interpreter, last, args, kwargs, site)
        if made is not None:
            return made
    made = noise.from_function(interpreter, dotted, args, kwargs, site)
    if made is not None:
        return made
    if last in noise.UNFILLED:
        made = noise.unfilled(last, args, site)
        if made is not None:
            return made
    made = losses.functional(interpreter, last, args, kwargs, site)
    if made is not None:
        return made
    if layers.is_layer(dotted):
        return layers.construct(interpreter, last, args, kwargs, site)
    if top == "math" and last not in MATH:
        return opaque(dotted, tuple(as_expr(item, site) for item in args), site)
    handler = HANDLERS.get(plain(last))
    if handler is not None and (args or kwargs) and top in _TENSOR_LIBRARIES:
        return handler(interpreter, list(args), dict(kwargs), site)
    if last == "einsum":
        return opaque("einsum", tuple(as_expr(item, site) for item in args), site)
    extra = tuple(as_expr(item, site) for item in (*args, *kwargs.values()))
    return opaque(dotted, extra, site)


_TENSOR_LIBRARIES = frozenset(("torch", "numpy", "math", "np", "functional", "scipy", "einops", "jax", "tensor"))


def _partial(interpreter: Interpreter, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return Partial(args[0], tuple(args[1:]), dict(kwargs)) if args else None


def _checkpoint(interpreter: Interpreter, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    kwargs = {name: value for name, value in kwargs.items() if name not in ("use_reentrant", "preserve_rng_state")}
    return interpreter.call(args[0], args[1:], kwargs, site) if args else None


def _first(interpreter: Interpreter, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return args[0] if args else None


def _namespace(interpreter: Interpreter, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return dict(kwargs)


def _parameter(interpreter: Interpreter, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """nn.Parameter: a tensor of its own that is learned."""
    return Expr("parameter", (), (("serial", interpreter.serial()),), site)


def _product(interpreter: Interpreter, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
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


_CALLERS: dict[str, Handler] = {
    "Parameter": _parameter,
    "partial": _partial,
    "checkpoint": _checkpoint,
    "tqdm": _first,
    "trange": lambda interpreter, args, kwargs, site: [atom("epoch", site)],
    "DataParallel": _first,
    "DistributedDataParallel": _first,
    "deepcopy": _first,
    "compile": _first,
    "script": _first,
    "vmap": _first,
    "fork": lambda interpreter, args, kwargs, site: interpreter.call(args[0], args[1:], kwargs, site) if args else None,
    "wait": _first,
    "SimpleNamespace": _namespace,
    "OrderedDict": lambda interpreter, args, kwargs, site: (
        {pair[0]: pair[1] for pair in args[0] if isinstance(pair, (tuple, list)) and len(pair) == 2}
        if args and isinstance(args[0], (list, tuple))
        else dict(kwargs)
    ),
    "weight_norm": _first,
    "spectral_norm": _first,
    "prod": _product,
}
