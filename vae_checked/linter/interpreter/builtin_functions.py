"""Python's built-in functions on abstract values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from vae_checked.linter.interpreter import attributes, axis_counts, binding, parts, records, resized, selection
from vae_checked.linter.interpreter.context import UNREAD, Context, Result
from vae_checked.linter.symbols.constants import counting, whole
from vae_checked.linter.symbols.expression import ELEMENTWISE, Expr, Site, atom, opaque
from vae_checked.linter.symbols.more_names import taken_by_name
from vae_checked.linter.symbols.turns import over_turns
from vae_checked.linter.symbols.unknown_keys import UnknownKey
from vae_checked.linter.symbols.values import (
    AnyOf,
    Class,
    External,
    Instance,
    Key,
    Layer,
    Module,
    Value,
    as_expr,
    number_of,
)
from vae_checked.linter.torch_model.array_kinds import is_no_tensor
from vae_checked.linter.torch_model.sizes import later_axes

BUILTINS = frozenset(
    "len range enumerate zip sum min max int float abs print isinstance hasattr getattr setattr list tuple dict set "
    "map reversed sorted next iter str type bool any all round callable filter slice repr id open super object "
    "globals vars eval property staticmethod classmethod NotImplementedError ValueError TypeError Exception "
    "NotImplemented __import__".split()
)
_MODULES = External("sys.modules")
_MAX_RANGE, _MAX_MAPPED = 64, 16


def call(context: Context, name: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """name(*args, **kwargs)."""
    handler = _FUNCTIONS.get(name)
    result = UNREAD if handler is None else handler(context, args, kwargs, site)
    if result is UNREAD:
        return opaque(f"builtins.{name}", tuple(as_expr(item, site) for item in args), site)
    return result


# ------------------------------------------------------------------------------------- what is iterated over


def _len(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    return parts.length(resized.now(context, args[0]), site) if args else UNREAD


def _range(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    numbers = counting([whole(number_of(item)) for item in args], _MAX_RANGE)
    for stand_in in ("index", "loop"):
        context.observations.note_turns(atom(stand_in, site, site.place.line), tuple(args))
    if numbers is not None:
        return list[Value](numbers)
    of = axis_counts.after_the_first(args)
    return [atom("index", site, site.place.line if of is None else later_axes(of))]


def _list(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    return list(parts.items(context, args[0], site)) if args else []


def _tuple(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    if args and isinstance(args[0], Expr) and args[0].op == "shape":
        # How many sizes there are is not known: they stay together.
        return args[0]
    return tuple(parts.items(context, args[0], site)) if args else ()


def _iter(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    return args[0] if args else []


def _reversed(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    return list(reversed(parts.items(context, args[0], site))) if args else UNREAD


def _enumerate(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    return list[Value](enumerate(parts.items(context, args[0], site))) if args else UNREAD


def _zip(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    if not args:
        return UNREAD
    return list[Value](zip(*(parts.items(context, item, site) for item in args), strict=False))


def _next(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    if not args:
        return UNREAD
    found = parts.items(context, args[0], site)
    return found[0] if found else None


def _map(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    if len(args) < 2:
        return UNREAD
    items = parts.items(context, args[1], site)[:_MAX_MAPPED]
    return [context.call(args[0], [item], {}, site) for item in items]


def _dict(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    given = args[0] if args else []
    made: dict[Key, Value] = dict(given) if isinstance(given, dict) else {}
    if isinstance(given, (list, tuple)):
        made = parts.of_pairs(given)
    elif isinstance(given, Expr) and not kwargs:
        # A copy has what the mapping has, which is not known.
        return given
    elif isinstance(given, Expr):
        made[UnknownKey(given)] = given
    made.update(kwargs)
    return taken_by_name(kwargs, made)


# -------------------------------------------------------------------------------------------------- numbers


def _converted(convert: Callable[[float], float]) -> Handler:
    """int, float, round: of a number a number, of a tensor its value, which no gradient reaches."""

    def handle(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
        if not args:
            return UNREAD
        number = number_of(args[0])
        if number is None:
            return Expr("detach", (as_expr(args[0], site),), (("known", convert.__name__),), site)
        return UNREAD if convert is not float and whole(number) is None else convert(number)

    return handle


def _bool(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    """bool: of a number, a text or None whether it is true; how many items a list has may not be known."""
    if args and (args[0] is None or isinstance(args[0], (str, int, float))):
        return bool(args[0])
    number = number_of(args[0]) if args else None
    if number is None and args and isinstance(args[0], Expr) and args[0].op == "attribute":
        # A setting, which is asked whether it is true wherever this is.
        return args[0]
    return UNREAD if number is None else bool(number)


def _abs(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    number = number_of(args[0]) if args else None
    if number is not None:
        return abs(number)
    return Expr("abs", (as_expr(args[0], site),), (), site) if args else UNREAD


def _sum(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    if len(args) != 1:
        return _folded(args, sum)
    values = args[0]
    if not isinstance(values, (list, tuple)):
        # Python's sum over a tensor runs along its first axis.
        return Expr("sum", (as_expr(values, site),), (("axes", (0,)), ("keepdim", False)), site)
    if not values:
        return 0
    total = values[0]
    if len(values) == 1 and isinstance(values, list) and isinstance(total, Expr) and total.op != "const":
        return over_turns("sum", total, site)
    for value in values[1:]:
        total = Expr("add", (as_expr(total, site), as_expr(value, site)), (), site)
    return total


def _extreme(op: str, fold: Callable[[list[float]], float]) -> Handler:
    """min, max: of numbers a number, of two tensors the smaller or larger elements."""

    def handle(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
        given = args[0] if len(args) == 1 else None
        candidates = list(given) if isinstance(given, (list, tuple)) else args
        known = _folded(candidates, fold)
        if known is UNREAD and len(candidates) == 2:
            left, right = (as_expr(item, site) for item in candidates)
            return Expr(op, (left, right), (), site)
        return known

    return handle


def _folded(values: list[Value], fold: Callable[[list[float]], float]) -> Result:
    numbers = [number for number in map(number_of, values) if number is not None]
    return fold(numbers) if numbers and len(numbers) == len(values) else UNREAD


# ------------------------------------------------------------------------------------ kinds and attributes


def _str(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    return str(args[0]) if args and isinstance(args[0], (str, int, float)) else UNREAD


def _type(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    return args[0].cls if args and isinstance(args[0], Instance) else UNREAD


def _getattr(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    if len(args) < 2:
        return UNREAD
    owner = _names_here(context) if args[0] == _MODULES else args[0]
    if isinstance(owner, (Module, AnyOf)) and isinstance(args[1], (Expr, str)):
        return selection.entry(context, owner, args[1], site)
    if isinstance(owner, External) and (found := selection.of_library(context, owner, args[1])) is not None:
        return found
    if not isinstance(args[1], str):
        return UNREAD
    found = attributes.attribute(context, args[0], args[1], site)
    unknown = isinstance(found, Expr) and found.op == "attribute" and isinstance(args[0], Instance)
    return args[2] if unknown and len(args) > 2 else found


def _globals(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    return _names_here(context)


def _vars(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    if args and isinstance(args[0], Instance):
        return records.by_name(args[0])
    return args[0] if args and isinstance(args[0], (Module, AnyOf)) else UNREAD


def _eval(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    """eval(name): what goes by that name, or any class or function that the file has."""
    if not args or not (isinstance(args[0], Expr) or (isinstance(args[0], str) and args[0].isidentifier())):
        return UNREAD
    return selection.entry(context, _names_here(context), args[0], site)


def _import(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    """__import__(name, fromlist=[...]): the file of that name; without names to take from it the package around it."""
    taken = kwargs.get("fromlist", args[3] if len(args) > 3 else None)
    if not args or (not taken and not isinstance(args[0], str)):
        return UNREAD
    name = args[0]
    found = selection.imported(context, name.partition(".")[0] if isinstance(name, str) and not taken else name)
    return UNREAD if found is None else found


def _names_here(context: Context) -> Module:
    return context.frames[-1].scope.module


def _setattr(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    if len(args) != 3:
        return UNREAD
    owner, name, value = args
    return binding.set_by_name(context, owner, name, value, site)


def is_of_type(context: Context, value: Value, kind: Value, site: Site) -> Value:
    """type(value) == kind, or one of several in a tuple or a list: of an object the class that it was made of."""
    kinds = tuple(kind) if isinstance(kind, (list, tuple)) else (kind,)
    if not all(isinstance(item, (Class, External)) for item in kinds):
        return opaque("type", tuple(as_expr(item, site) for item in (value, *kinds)), site)
    if isinstance(value, Instance):
        return any(item is value.cls for item in kinds)
    found = _isinstance(context, [value, kinds], {}, site)
    return opaque("type", (as_expr(value, site),), site) if found is UNREAD else found


def _isinstance(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Result:
    if len(args) != 2:
        return UNREAD
    value, kinds = args
    names = list(kinds) if isinstance(kinds, tuple) else [kinds]
    tails = {item.dotted.rpartition(".")[2] for item in names if isinstance(item, External)}
    if isinstance(value, Layer):
        return value.kind in tails or "Module" in tails
    if isinstance(value, Instance):
        return any(item in value.cls.mro() for item in names if isinstance(item, Class)) or (
            "Module" in tails and value.cls.is_module
        )
    if isinstance(value, (str, int, float, list, tuple, dict, type(None))):
        return any(tail in _PLAIN_KINDS and isinstance(value, _PLAIN_KINDS[tail]) for tail in tails)
    if _is_class(value) and len(tails) == len(names):
        # Of classes outside the project, a class is one of `type` alone.
        return "type" in tails
    if isinstance(value, Expr) and tails and tails <= {"Tensor", "Variable", "FloatTensor"}:
        return not is_no_tensor(value)
    if isinstance(value, Expr) and tails and tails <= _CONTAINERS and (value.op in _TENSORS or value.op in ELEMENTWISE):
        return False
    if isinstance(value, Expr) and tails == {"str"} and _is_object(value):
        return False
    return opaque("isinstance", (as_expr(value, site),), site)


def _is_class(value: Value) -> bool:
    """Whether a value is a class: one of the project, or a layer or a loss of torch that is not made yet."""
    if isinstance(value, External):
        return value.dotted.startswith("torch.nn.") and value.dotted.rpartition(".")[2][:1].isupper()
    return isinstance(value, Class)


def _is_object(value: Expr) -> bool:
    """Whether a value is what a class of another library makes."""
    name = str(value.get("name")) if value.op == "opaque" else ""
    return name.rpartition(".")[2][:1].isupper() and name.replace(".", "").isidentifier()


# What is a tensor, whatever it is computed from, and what none is.
_TENSORS, _CONTAINERS = frozenset(("data", "layer", "noise", "loss")), frozenset(("list", "tuple", "dict", "set"))
_PLAIN_KINDS: dict[str, type] = {
    "str": str, "int": int, "float": float, "list": list, "tuple": tuple, "dict": dict, "bool": bool,
}  # fmt: skip
Handler: TypeAlias = "Callable[[Context, list[Value], dict[str, Value], Site], Result]"
_FUNCTIONS: dict[str, Handler] = {
    "len": _len, "range": _range, "list": _list, "set": _list, "sorted": _list, "tuple": _tuple, "iter": _iter,
    "reversed": _reversed, "enumerate": _enumerate, "zip": _zip, "next": _next, "map": _map, "dict": _dict,
    "int": _converted(int), "float": _converted(float), "round": _converted(round), "bool": _bool, "abs": _abs,
    "sum": _sum, "min": _extreme("minimum", min), "max": _extreme("maximum", max), "str": _str,
    "type": _type, "getattr": _getattr, "setattr": _setattr, "object.__setattr__": _setattr,
    "type.__setattr__": _setattr, "isinstance": _isinstance, "globals": _globals, "vars": _vars,
    "eval": _eval, "__import__": _import,
}  # fmt: skip
