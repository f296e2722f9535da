"""Python's built-in functions on abstract values."""

from __future__ import annotations

from collections.abc import Callable

from vae_checked.linter.interpreter import attributes, operators
from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.symbols.expression import Expr, Site, atom, opaque
from vae_checked.linter.symbols.values import Class, External, Instance, Layer, Value, as_expr, number_of

BUILTINS = frozenset(
    "len range enumerate zip sum min max int float abs print isinstance hasattr getattr setattr list tuple dict set "
    "map reversed sorted next iter str type bool any all round callable filter slice repr id open super object "
    "property staticmethod classmethod NotImplementedError ValueError TypeError Exception NotImplemented".split()
)

_FOLDS: dict[str, Callable[[list[float]], float]] = {"min": min, "max": max, "sum": sum}


def call(context: Context, name: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """The value of a call of the builtin of this name; what is not understood is opaque."""
    if name == "len" and args:
        return operators.length(args[0], site)
    if name == "range":
        numbers = [number_of(item) for item in args]
        if args and all(number is not None for number in numbers):
            whole = range(*[int(number) for number in numbers if number is not None][:3])
            return list(whole[:64])
        return [atom("index", site, site.place.line)]
    if name in ("list", "tuple", "set", "sorted", "iter"):
        found = operators.items(context, args[0], site) if args else []
        return tuple(found) if name == "tuple" else args[0] if name == "iter" and args else list(found)
    if name == "reversed" and args:
        return list(reversed(operators.items(context, args[0], site)))
    if name == "enumerate" and args:
        return list(enumerate(operators.items(context, args[0], site)))
    if name == "zip" and args:
        return list(zip(*(operators.items(context, item, site) for item in args), strict=False))
    if name == "dict":
        return dict(kwargs) if not args or not isinstance(args[0], dict) else {**args[0], **kwargs}
    if name == "next" and args:
        return operators.items(context, args[0], site)[0] if operators.items(context, args[0], site) else None
    if name == "map" and len(args) >= 2:
        return [context.call(args[0], [item], {}, site) for item in operators.items(context, args[1], site)[:16]]
    if name in ("int", "float", "round") and args:
        number = number_of(args[0])
        if number is not None:
            return int(number) if name == "int" else number if name == "float" else round(number)
        return Expr("cast", (as_expr(args[0], site),), (), site)
    if name == "str" and args and isinstance(args[0], (str, int, float)):
        return str(args[0])
    if name in ("sum", "min", "max", "abs"):
        return _call_arithmetic(context, name, args, site)
    if name == "isinstance" and len(args) == 2:
        return _isinstance(args[0], args[1], site)
    if name == "getattr" and len(args) >= 2 and isinstance(args[1], str):
        found = attributes.attribute(context, args[0], args[1], site)
        unknown = isinstance(found, Expr) and found.op == "attribute" and isinstance(args[0], Instance)
        return args[2] if unknown and len(args) > 2 else found
    if name == "setattr" and len(args) == 3 and isinstance(args[1], str):
        if isinstance(args[0], (Instance, Layer)):
            args[0].attributes[args[1]] = args[2]
        return None
    if name == "type" and args and isinstance(args[0], Instance):
        return args[0].cls
    return opaque(f"builtins.{name}", tuple(as_expr(item, site) for item in args), site)


def _call_arithmetic(context: Context, name: str, args: list[Value], site: Site) -> Value:
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
        return abs(known[0]) if name == "abs" else _FOLDS[name](known)
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
