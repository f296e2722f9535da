"""What calling and taking attributes means for each kind of abstract value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vae_checked.linter import data, distributions, layers, losses, noise, operators
from vae_checked.linter.expression import Expr, Site, atom, const, opaque
from vae_checked.linter.torch_ops import HANDLERS, MATH, plain
from vae_checked.linter.values import (
    Class,
    Distribution,
    External,
    Function,
    Instance,
    Layer,
    Loader,
    Method,
    Partial,
    Scope,
    Transform,
    Value,
    as_expr,
    is_number,
    number_of,
)
from vae_checked.linter.values import Sequence as Layers

if TYPE_CHECKING:
    from vae_checked.linter.interpret import Interpreter

BUILTINS = frozenset(
    "len range enumerate zip sum min max int float abs print isinstance hasattr getattr setattr list tuple dict set "
    "map reversed sorted next iter str type bool any all round callable filter slice repr id open super object "
    "property staticmethod classmethod NotImplementedError ValueError TypeError Exception NotImplemented".split()
)
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
    spec = function.node.args
    parameters = [*spec.posonlyargs, *spec.args]
    here = site or interpreter.site(function.node)
    given = list(args)
    if function.bound is not None:
        given.insert(0, function.bound)
    given = _fill_spread(interpreter, given, len(parameters), here)
    for parameter, value in zip(parameters, given, strict=False):
        scope.names[parameter.arg] = value
        _name(interpreter, value, parameter.arg)
    if spec.vararg is not None:
        scope.names[spec.vararg.arg] = tuple(given[len(parameters) :])
    rest = {name: value for name, value in kwargs.items() if name not in scope.names}
    defaults: dict[str, Value] = {}
    for parameter, default in zip(reversed(parameters), reversed(spec.defaults), strict=False):
        defaults[parameter.arg] = default
    for parameter, keyword_default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
        if keyword_default is not None:
            defaults[parameter.arg] = keyword_default
    for parameter in (*parameters, *spec.kwonlyargs):
        name = parameter.arg
        if name in scope.names:
            continue
        if name in rest:
            scope.names[name] = rest.pop(name)
            _name(interpreter, scope.names[name], name)
        elif name in defaults:
            scope.names[name] = interpreter.eval(defaults[name], function.scope)
        else:
            scope.names[name] = atom(name, Site(interpreter.source, parameter), interpreter.serial())
            _name(interpreter, scope.names[name], name)
    if spec.kwarg is not None:
        scope.names[spec.kwarg.arg] = rest


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
        known = interpreter.trace.names.setdefault(value.uid, [])
        if name not in known:
            known.append(name)


# --------------------------------------------------------------------------------------------- attributes


def attribute(interpreter: Interpreter, owner: Value, name: str, site: Site) -> Value:
    """owner.name, not called."""
    if isinstance(owner, Instance):
        return _instance_attribute(interpreter, owner, name, site)
    if isinstance(owner, Class):
        found = owner.find(name)
        return atom(name, site, id(owner)) if found is None else found
    if isinstance(owner, External):
        return External(f"{owner.dotted}.{name}")
    member = interpreter.project.member(owner, name)
    if member is not None:
        return member
    if isinstance(owner, Distribution):
        return distributions.attribute(interpreter, owner, name, site)
    if isinstance(owner, Layer):
        if name in owner.attributes:
            return owner.attributes[name]
        return Expr("weight", (), (("name", name), ("layer", owner.serial)), site)
    if isinstance(owner, Layers):
        return owner.items.get(name, atom(name, site, id(owner)))
    if isinstance(owner, dict) and name in owner:
        return owner[name]
    if isinstance(owner, (Loader, Transform, Function, dict, list, tuple, str, Partial)):
        return loader_attribute(owner, name, site)
    return _tensor_attribute(interpreter, as_expr(owner, site), name, site)


def loader_attribute(owner: Value, name: str, site: Site) -> Value:
    """Attributes of data loaders and the like."""
    if isinstance(owner, Loader) and name == "dataset":
        return owner
    return atom(name, site, id(owner))


def _instance_attribute(interpreter: Interpreter, owner: Instance, name: str, site: Site) -> Value:
    if name in owner.attributes:
        return owner.attributes[name]
    found = owner.cls.find(name)
    if isinstance(found, Function):
        decorators = {getattr(item, "id", getattr(item, "attr", "")) for item in getattr(found.node, "decorator_list", [])}
        if "staticmethod" in decorators:
            return found
        method = operators.bound(found, owner)
        if decorators & {"property", "cached_property"}:
            return interpreter.invoke(method, [], {}, site)
        return method
    if found is not None:
        return found
    if name == "training":
        return Expr("training", (), (), site)
    if name == "__class__":
        return owner.cls
    return Expr("attribute", (), (("name", name), ("of", id(owner))), site)


def _tensor_attribute(interpreter: Interpreter, owner: Expr, name: str, site: Site) -> Value:
    if name == "shape":
        return Expr("shape", (owner,), (), site)
    if name == "data":
        return Expr("detach", (owner,), (), site)
    if name in ("T", "mT", "H"):
        return Expr("move", (owner,), (("how", name), ("axes", "all")), site)
    if name in ("real", "values"):
        return owner
    if owner.op in ("item", "batch", "opaque", "atom", "attribute", "phi"):
        return Expr("attribute", (owner,), (("name", name),), site)
    return opaque(f"attribute:{name}", (owner,), site)


def method(interpreter: Interpreter, owner: Value, name: str, site: Site) -> Value:
    """owner.name, about to be called."""
    if isinstance(owner, (Instance, Class, External)):
        found = attribute(interpreter, owner, name, site)
        if isinstance(owner, Instance) and isinstance(found, Expr) and found.op == "attribute":
            return Method(owner, name)
        return found
    member = interpreter.project.member(owner, name)
    if member is not None:
        return member
    if isinstance(owner, (Layer, Layers)):
        found = owner.attributes.get(name) if isinstance(owner, Layer) else owner.items.get(name)
        if found is not None:
            return found
    if isinstance(owner, Distribution) and name in distributions.PROPERTIES:
        return distributions.attribute(interpreter, owner, name, site)
    return Method(owner, name)


def super_of(interpreter: Interpreter, scope: Scope) -> Value:
    """super() or super(Class, self): the instance seen from its base."""
    for frame in reversed(interpreter.frames):
        if frame.function is not None and frame.function.owner is not None:
            names = frame.scope.names
            first = next(iter(names.values()), None)
            return Method((first, frame.function.owner), "super")
    return atom("super", None, id(scope))


# -------------------------------------------------------------------------------------------------- calls


def call(
    interpreter: Interpreter, target: Value, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Value:
    """target(*args, **kwargs)."""
    if isinstance(target, Function):
        return interpreter.invoke(target, args, kwargs, site)
    if isinstance(target, Class):
        return construct(interpreter, target, args, kwargs, site)
    if isinstance(target, Instance):
        return _call_instance(interpreter, target, args, kwargs, site)
    if isinstance(target, External):
        return _call_external(interpreter, target.dotted, args, kwargs, site)
    if isinstance(target, Layer):
        return layers.apply(interpreter, target, args, kwargs, site)
    if isinstance(target, Layers):
        value: Value = args[0] if args else atom("input", site, interpreter.serial())
        for layer in list(target.items.values()) if target.callable else ():
            value = interpreter.call(layer, [value], {}, site)
        return value
    if isinstance(target, Partial):
        return interpreter.call(target.target, [*target.args, *args], {**target.kwargs, **kwargs}, site)
    if isinstance(target, Transform):
        return data.transformed(target, as_expr(args[0], site) if args else atom("image", site), site)
    if isinstance(target, Method):
        return _call_method(interpreter, target, args, kwargs, site)
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
        return instance
    fields = interpreter.project.field_names(cls)
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
            interpreter.trace.called_instances.append((target, args, result))
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
        return _call_on_instance(owner, name, args, site)
    if isinstance(owner, Layers):
        return layers.call_method(owner, name, args)
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


def _call_on_instance(owner: Instance, name: str, args: list[Value], site: Site) -> Value:
    if name in ("add_module", "register_module", "register_buffer", "register_parameter") and len(args) >= 2:
        if isinstance(args[0], str):
            owner.attributes[args[0]] = args[1]
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
            owner.extend(args[0])
            return None
        if name == "insert" and len(args) == 2 and isinstance(args[0], int):
            owner.insert(args[0], args[1])
            return None
        if name == "reverse":
            owner.reverse()
            return None
        if name == "pop" and owner:
            return owner.pop(int(args[0]) if args and is_number(args[0]) and -len(owner) <= args[0] < len(owner) else -1)
    if isinstance(owner, dict):
        if name == "items":
            return list(owner.items())
        if name == "values":
            return list(owner.values())
        if name == "keys":
            return list(owner)
        if name in ("get", "pop") and args and isinstance(args[0], str):
            return owner.get(args[0], args[1] if len(args) > 1 else None)
        if name == "update" and args and isinstance(args[0], dict):
            owner.update(args[0])
            return None
    if isinstance(owner, str):
        if name in ("lower", "upper", "strip") and not args:
            return str(getattr(owner, name)())
        return opaque(f"text:{name}", (), site)
    if name == "copy" and isinstance(owner, (list, dict)):
        return owner.copy()
    return opaque(f"method:{name}", tuple(as_expr(item, site) for item in args), site)


def tensor_method(
    interpreter: Interpreter, owner: Expr, name: str, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Value:
    """A method of a tensor or of something unknown."""
    made = noise.from_method(interpreter, owner, name, args, kwargs, site)
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
        return _call_builtin(interpreter, rest, args, kwargs, site)
    if last in _CALLERS:
        return _CALLERS[last](interpreter, args, kwargs, site)
    made = data.construct(interpreter, dotted, args, kwargs, site)
    if made is not None:
        return made
    if "distributions" in dotted or last in distributions.FAMILIES or last == "kl_divergence":
        made = distributions.construct(interpreter, last, args, kwargs, site)
        if made is not None:
            return made
    made = noise.from_function(interpreter, dotted, args, kwargs, site)
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


_CALLERS = {
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
    "SimpleNamespace": _namespace,
    "OrderedDict": lambda interpreter, args, kwargs, site: (
        {pair[0]: pair[1] for pair in args[0] if isinstance(pair, (tuple, list)) and len(pair) == 2}
        if args and isinstance(args[0], (list, tuple))
        else dict(kwargs)
    ),
    "weight_norm": _first,
    "spectral_norm": _first,
    "prod": lambda interpreter, args, kwargs, site: (
        _product(args[0]) if args and isinstance(args[0], (list, tuple)) else opaque("prod", tuple(map(as_expr, args)), site)
    ),
}


def _product(values: Value) -> Value:
    numbers = [number_of(item) for item in values]
    total = 1.0
    for number in numbers:
        if number is None:
            return opaque("prod", tuple(as_expr(item) for item in values))
        total *= number
    return int(total) if total == int(total) else total


def _call_builtin(
    interpreter: Interpreter, name: str, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Value:
    if name == "len" and args:
        return operators.length(args[0], site)
    if name == "range":
        numbers = [number_of(item) for item in args]
        if args and all(number is not None for number in numbers):
            whole = range(*[int(number) for number in numbers if number is not None][:3])
            return list(whole[:64])
        return [atom("index", site, site.place.line)]
    if name in ("list", "tuple", "set", "sorted", "iter"):
        found = operators.items(interpreter, args[0], site) if args else []
        return tuple(found) if name == "tuple" else args[0] if name == "iter" and args else list(found)
    if name == "reversed" and args:
        return list(reversed(operators.items(interpreter, args[0], site)))
    if name == "enumerate" and args:
        return list(enumerate(operators.items(interpreter, args[0], site)))
    if name == "zip" and args:
        return list(zip(*(operators.items(interpreter, item, site) for item in args), strict=False))
    if name == "dict":
        return dict(kwargs) if not args or not isinstance(args[0], dict) else {**args[0], **kwargs}
    if name == "next" and args:
        return operators.items(interpreter, args[0], site)[0] if operators.items(interpreter, args[0], site) else None
    if name == "map" and len(args) >= 2:
        return [interpreter.call(args[0], [item], {}, site) for item in operators.items(interpreter, args[1], site)[:16]]
    if name in ("int", "float", "round") and args:
        number = number_of(args[0])
        if number is not None:
            return int(number) if name == "int" else number if name == "float" else round(number)
        return Expr("cast", (as_expr(args[0], site),), (), site)
    if name == "str" and args and isinstance(args[0], (str, int, float)):
        return str(args[0])
    if name in ("sum", "min", "max", "abs"):
        return _call_arithmetic(interpreter, name, args, site)
    if name == "isinstance" and len(args) == 2:
        return _isinstance(args[0], args[1], site)
    if name == "getattr" and len(args) >= 2 and isinstance(args[1], str):
        found = attribute(interpreter, args[0], args[1], site)
        unknown = isinstance(found, Expr) and found.op == "attribute" and isinstance(args[0], Instance)
        return args[2] if unknown and len(args) > 2 else found
    if name == "setattr" and len(args) == 3 and isinstance(args[1], str):
        if isinstance(args[0], (Instance, Layer)):
            args[0].attributes[args[1]] = args[2]
        return None
    if name == "type" and args and isinstance(args[0], Instance):
        return args[0].cls
    return opaque(f"builtins.{name}", tuple(as_expr(item, site) for item in args), site)


def _call_arithmetic(interpreter: Interpreter, name: str, args: list[Value], site: Site) -> Value:
    values = args[0] if len(args) == 1 and isinstance(args[0], (list, tuple)) else None
    if name == "sum" and values is not None:
        total: Value = 0
        for index, value in enumerate(values):
            total = value if index == 0 else Expr("add", (as_expr(total, site), as_expr(value, site)), (), site)
        return total
    if name == "sum" and len(args) == 1:
        # Python's sum over a tensor runs along its first axis.
        return Expr("sum", (as_expr(args[0], site),), (("axes", (0,)), ("keepdim", False)), site)
    candidates = values if values is not None else args
    numbers = [number_of(item) for item in candidates]
    if numbers and all(number is not None for number in numbers):
        known = [number for number in numbers if number is not None]
        return {"min": min, "max": max, "abs": lambda items: abs(items[0]), "sum": sum}[name](known)
    if name == "abs" and args:
        return Expr("abs", (as_expr(args[0], site),), (), site)
    if len(candidates) == 2 and name in ("min", "max"):
        left, right = (as_expr(item, site) for item in candidates)
        return Expr("minimum" if name == "min" else "maximum", (left, right), (), site)
    return opaque(f"builtins.{name}", tuple(as_expr(item, site) for item in args), site)


def _isinstance(value: Value, kinds: Value, site: Site) -> Value:
    names = [kinds] if not isinstance(kinds, tuple) else list(kinds)
    tails = {item.dotted.rpartition(".")[2] for item in names if isinstance(item, External)}
    if isinstance(value, Layer):
        return value.kind in tails or "Module" in tails
    if isinstance(value, Instance):
        return any(item in value.cls.mro() for item in names if isinstance(item, Class)) or (
            "Module" in tails and value.cls.is_module
        )
    plain_kinds = {"str": str, "int": int, "float": float, "list": list, "tuple": tuple, "dict": dict, "bool": bool}
    if isinstance(value, (str, int, float, list, tuple, dict, type(None))):
        return any(tail in plain_kinds and isinstance(value, plain_kinds[tail]) for tail in tails)
    if isinstance(value, Expr) and tails and tails <= {"Tensor", "Variable", "FloatTensor"}:
        return True
    return opaque("isinstance", (as_expr(value, site),), site)


def constant_of(value: Value) -> Expr | None:
    """A const expression for a Python number, else None."""
    return const(value) if is_number(value) else None
