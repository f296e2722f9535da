"""Python's own operators on abstract values: arithmetic, truth, unpacking, indexing, iteration, merging of branches."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Sequence

from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.symbols import turns
from vae_checked.linter.symbols.expression import Expr, Site, atom, const, opaque
from vae_checked.linter.symbols.values import (
    Choice,
    Class,
    External,
    Function,
    Instance,
    Key,
    Layer,
    Loader,
    Open,
    Transform,
    Value,
    apart,
    as_expr,
    is_key,
    is_number,
    number_of,
    tuple_fields,
)
from vae_checked.linter.symbols.values import Sequence as Layers
from vae_checked.linter.torch_model import diagonals
from vae_checked.linter.torch_model.functions import asks_for_nan

# Lists and texts that code doubles in a loop are not followed beyond this length, nor numbers beyond that size.
MAX_ITEMS, MAX_NUMBER = 1_000, 10**150
# The entries of a dict that are tried in turn where the key is not known.
_MAX_CHOICES = 3


_OPS: dict[type[ast.operator], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow", ast.MatMult: "matmul",
    ast.FloorDiv: "floordiv", ast.Mod: "mod",
}  # fmt: skip


def binary(op: ast.operator, left: Value, right: Value, site: Site) -> Value:
    """left op right."""
    if isinstance(left, Expr) and isinstance(right, Expr):
        name = _OPS.get(type(op))
        return opaque(type(op).__name__, (left, right), site) if name is None else Expr(name, (left, right), (), site)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)) and isinstance(op, ast.Add):
        if len(left) + len(right) > MAX_ITEMS:
            return opaque("long", (), site)
        return type(left)([*left, *right])
    if isinstance(left, (list, tuple)) and isinstance(op, ast.Mult) and isinstance(right, int):
        return type(left)(list(left) * max(0, min(right, 64)))[:MAX_ITEMS]
    if isinstance(left, str) and isinstance(right, str) and isinstance(op, ast.Add):
        return left + right if len(left) + len(right) <= MAX_ITEMS else opaque("long", (), site)
    if is_number(left) and is_number(right):
        folded = _fold(op, left, right)
        if folded is not None:
            return folded
    if isinstance(left, str) and isinstance(op, ast.Mod):
        values = right if isinstance(right, tuple) else (right,)
        written = [item for item in values if isinstance(item, (str, int, float))]
        if len(written) == len(values):
            return filled(left, written)
    name = _OPS.get(type(op))
    args = (as_expr(left, site), as_expr(right, site))
    return opaque(type(op).__name__, args, site) if name is None else Expr(name, args, (), site)


def filled(template: str, values: Sequence[str | int | float]) -> Value:
    """A text with its fields, of either kind, replaced by values, in order and whatever their format."""
    pieces = _FIELD.split(template)
    fields = len(pieces) - 1
    if not 0 < fields <= len(values) or sum(map(len, map(str, values))) + len(template) > MAX_ITEMS:
        return opaque("text", tuple(as_expr(item) for item in values))
    return "".join(piece + str(value) for piece, value in zip(pieces, [*values[:fields], ""], strict=True))


_FIELD = re.compile(r"\{[^{}]*\}|%[-+ #0-9.]*[diouxXeEfFgGcrsa]")


_FOLDS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
}  # fmt: skip


def _fold(op: ast.operator, left: float, right: float) -> float | None:
    if abs(left) > MAX_NUMBER or abs(right) > MAX_NUMBER:
        return None
    fold = _FOLDS.get(type(op))
    if fold is None or (fold is operator.pow and not (abs(left) < 1e6 and abs(right) < 64)):
        return None
    try:
        result = fold(left, right)
    except (ZeroDivisionError, OverflowError, ValueError):
        return None
    return result if isinstance(result, (int, float)) else None


def unary(op: ast.unaryop, value: Value, site: Site) -> Value:
    """op value."""
    if isinstance(op, ast.Not):
        known = truth(value)
        return opaque("not", (as_expr(value, site),), site) if known is None else not known
    if isinstance(op, ast.USub):
        return -value if is_number(value) else Expr("neg", (as_expr(value, site),), (), site)
    if isinstance(op, ast.UAdd):
        return value
    return opaque("invert", (as_expr(value, site),), site)


def truth(value: Value) -> bool | None:
    """Whether a value is true, None when that is not known."""
    if isinstance(value, Expr):
        return bool(value.value) if value.op == "const" else None
    if isinstance(value, Open) and not value:
        return None
    if isinstance(value, (bool, int, float, str, type(None), list, tuple, dict)):
        return bool(value)
    if isinstance(value, (Instance, Layer, Function, Class, External, Transform, Choice)):
        return True
    return None


def compare(ops: Sequence[ast.cmpop], values: Sequence[Value], site: Site) -> Value:
    """A chain of comparisons: a bool where it is known."""
    if len(ops) == 1:
        only = _compare(ops[0], values[0], values[1])
        if only is not None:
            return only
    else:
        known = [_compare(op, left, right) for op, left, right in zip(ops, values, values[1:], strict=False)]
        if any(item is False for item in known):
            return False
        if all(item is True for item in known):
            return True
    names = ",".join(type(op).__name__ for op in ops)
    return opaque(f"compare:{names}", tuple(as_expr(item, site) for item in values), site)


_EQUALITIES: dict[type[ast.cmpop], Callable[[Key, Key], bool]] = {
    ast.Eq: operator.eq, ast.Is: operator.eq, ast.NotEq: operator.ne, ast.IsNot: operator.ne,
}  # fmt: skip
_ORDERS: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip


def _compare(op: ast.cmpop, left: Value, right: Value) -> bool | None:
    if isinstance(op, (ast.Is, ast.IsNot)) and (left is None or right is None):
        same = left is None and right is None
        return same if isinstance(op, ast.Is) else not same
    if isinstance(left, Expr) and left.op == "const":
        left = left.value
    if isinstance(right, Expr) and right.op == "const":
        right = right.value
    if not is_key(left):
        return turns.compared(op, left, right)
    if isinstance(op, (ast.In, ast.NotIn)) and isinstance(right, (list, tuple, dict)):
        if isinstance(right, Open) and left not in right:
            return None
        if all(map(is_key, right)):
            return (left in right) is isinstance(op, ast.In)
        return None
    if not is_key(right):
        return None
    equality, order = _EQUALITIES.get(type(op)), _ORDERS.get(type(op))
    if equality is not None:
        return equality(left, right)
    if order is None:
        return None
    if isinstance(left, str) and isinstance(right, str):
        # Texts have the order of their letters: numbers that stand in their places compare in the same way.
        return order((left > right) - (left < right), 0)
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return order(left, right)
    return None


def boolean(op: ast.boolop, values: Sequence[Value], site: Site) -> Value:
    """and, or."""
    decisive = isinstance(op, ast.Or)
    unknown: list[Expr] = []
    for value in values:
        known = truth(value)
        if known is decisive:
            return value if not unknown else opaque("boolean", tuple(unknown), site)
        if known is None:
            unknown.append(as_expr(value, site))
    if not unknown:
        return values[-1]
    return unknown[0] if len(unknown) == 1 else opaque(type(op).__name__, tuple(unknown), site)


def merge(condition: Expr, one: Value, other: Value) -> Value:
    """The value after two branches: `phi` where both are expressions or numbers, else whichever says more."""
    if one is other or (isinstance(one, External) and one == other):
        return one
    numeric = (Expr, int, float)
    if isinstance(one, numeric) and isinstance(other, numeric):
        left, right = as_expr(one), as_expr(other)
        if left.uid == right.uid:
            return one
        return Expr("phi", (condition, left, right), (), left.site or right.site)
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        return tuple(merge(condition, left, right) for left, right in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return {**other, **one}
    if one is None:
        return other
    return Choice(condition, one, other) if _is_choice(one) and _is_choice(other) else one


def _is_choice(value: Value) -> bool:
    """Whether a value is a single layer or function, of which each can be tried where one is chosen by a setting."""
    return isinstance(value, (Layer, External, Function, Choice))


def chosen(owner: dict[Key, Value], key: Value, site: Site) -> Value:
    """What a dict of a few layers or functions holds for a key that is not known; None where it holds other things."""
    values = list(owner.values())
    if not isinstance(key, Expr) or not 2 <= len(values) <= _MAX_CHOICES or not all(map(_is_choice, values)):
        return None
    made = values[-1]
    for index, value in reversed(list(enumerate(values[:-1]))):
        made = Choice(opaque(f"key:{id(owner)}", (const(index), key), site), value, made)
    return made


def items(context: Context, value: Value, site: Site) -> list[Value]:
    """What iterating over a value yields; one unknown item where that is not known."""
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, dict):
        return list(value)
    if isinstance(value, Layers):
        return list(value.items.values())
    if isinstance(value, str):
        return list(value[:64])
    if isinstance(value, Loader):
        return [batch(context, value)]
    if isinstance(value, Instance):
        fields = tuple_fields(value)
        if fields is not None:
            return fields
        found = value.cls.find("__getitem__")
        if isinstance(found, Function):
            return [context.invoke(found.bound_to(value), [atom("index", site)], {}, site)]
    return [Expr("item", (as_expr(value, site),), (("index", "any"),), site)]


def any_item(found: list[Value], site: Site) -> Value:
    """One stand-in for many items."""
    first = found[0]
    return atom("loop", site, site.place.line) if is_number(first) else first


def batch(context: Context, loader: Loader) -> Expr:
    """One batch of a loader: its first item carries the data's interval."""
    interval = loader.interval
    ends = None if interval is None else (interval.low, interval.high, interval.low_open, interval.high_open)
    return Expr("batch", (), (("loader", id(loader)), ("interval", ends)), loader.site)


def unpack(context: Context, value: Value, count: int, site: Site, starred: int | None = None) -> list[Value]:
    """The `count` parts of a value that is unpacked."""
    known: list[Value] | None = None
    if isinstance(value, (tuple, list)):
        known = list(value)
    elif isinstance(value, Instance):
        known = tuple_fields(value)
    elif isinstance(value, (Layers, dict)):
        known = items(context, value, site)
    if known is not None:
        if starred is not None and len(known) >= count - 1:
            rest = len(known) - count + 1
            return [*known[:starred], known[starred : starred + rest], *known[starred + rest :]]
        if len(known) == count:
            return known
    return [item(context, value, index, site) for index in range(count)]


def item(context: Context, value: Value, index: Value, site: Site) -> Expr:
    """One part of something whose parts are not known."""
    expr = as_expr(value, site)
    if expr.op == "const":
        return expr
    if expr.op == "shape" and isinstance(index, int):
        return Expr("size", expr.args, (("axis", index),), site)
    if expr.op == "batch":
        if index == 0 or index in ("image", "images", "img", "data", "x", "input", "inputs", "pixel_values"):
            return Expr("data", (), expr.attrs, expr.site)
        return Expr("label", (), (*expr.attrs, ("index", str(index))), site)
    if expr.op == "phi":
        condition, one, other = expr.args
        return Expr("phi", (condition, item(context, one, index, site), item(context, other, index, site)), (), site)
    if expr.op == "opaque" and expr.get("name") == "sequence" and isinstance(index, int) and index < len(expr.args):
        return expr.args[index]
    return Expr("item", (expr,), (("index", index if isinstance(index, (int, str)) else repr(index)),), site)


def spread(context: Context, value: Value, site: Site) -> list[Value]:
    """The arguments that `*value` stands for."""
    if isinstance(value, (list, tuple, dict, Layers)):
        return items(context, value, site)
    if isinstance(value, Instance):
        fields = tuple_fields(value)
        if fields is not None:
            return fields
    return [Expr("spread", (as_expr(value, site),), (), site)]


def subscript(context: Context, owner: Value, key: Value, site: Site) -> Value:
    """owner[key]."""
    index = number_of(key) if not isinstance(key, (tuple, list)) else None
    if isinstance(owner, (list, tuple)):
        if index is not None and -len(owner) <= index < len(owner):
            return owner[int(index)]
        if isinstance(key, slice):
            ends = [None if part is None else number_of(part) for part in (key.start, key.stop, key.step)]
            if all(end is None or end == int(end) for end in ends):
                whole = [None if end is None else int(end) for end in ends]
                if whole[2] != 0:
                    return owner[slice(*whole)]
        return items(context, owner, site)[0] if owner else opaque("empty", (), site)
    if isinstance(owner, dict):
        if isinstance(key, (str, int, float, bool)) and key in owner:
            return owner[key]
        if isinstance(key, Expr) and len(owner) == 1:
            only = next(iter(owner.values()))
            if isinstance(only, (Class, Function, Instance)):
                return only
        either = chosen(owner, key, site)
        if either is not None:
            return either
        return atom(f"[{key!r}]" if isinstance(key, str) else "item", site, id(owner))
    if isinstance(owner, Layers):
        return _layers_item(owner, key, index)
    if isinstance(owner, Instance):
        fields = tuple_fields(owner)
        if fields is not None and index is not None and -len(fields) <= index < len(fields):
            return fields[int(index)]
        if isinstance(key, str) and key in owner.attributes:
            return owner.attributes[key]
        found = owner.cls.find("__getitem__")
        if isinstance(found, Function):
            return context.invoke(found.bound_to(owner), [key], {}, site)
    if isinstance(owner, (External, Class)):
        return owner
    return _tensor_item(context, as_expr(owner, site), key, index, site)


def _layers_item(owner: Layers, key: Value, index: float | None) -> Value:
    values = list(owner.items.values())
    if isinstance(key, str) and key in owner.items:
        return owner.items[key]
    if index is not None and values and -len(values) <= index < len(values):
        return values[int(index)]
    if isinstance(key, slice) and all(part is None or isinstance(part, int) for part in (key.start, key.stop)):
        return Layers(dict(list(owner.items.items())[key]), owner.callable)
    return values[0] if values else None


def _tensor_item(context: Context, owner: Expr, key: Value, index: float | None, site: Site) -> Value:
    if owner.op in ("shape", "batch", "opaque") and index is not None:
        return item(context, owner, int(index), site)
    if owner.op == "shape" and isinstance(key, slice):
        start = 0 if key.start is None else number_of(key.start)
        return Expr("shape", owner.args, (("from", start),), site)
    if isinstance(key, str):
        return item(context, owner, key, site)
    parts = key if isinstance(key, tuple) else (key,)
    whole = [part is None or part is Ellipsis or (isinstance(part, slice) and part == slice(None)) for part in parts]
    if all(whole) and any(part is None for part in parts):
        return Expr("unsqueeze", (owner,), (), site)
    if index is not None:
        return item(context, owner, int(index), site)
    return Expr("index", (owner,), (("key", tuple(_index_key(part) for part in parts)),), site)


def _index_key(part: Value) -> tuple[object, ...]:
    if isinstance(part, slice):
        return ("slice", *(_index_key(end) for end in (part.start, part.stop, part.step)))
    if isinstance(part, Expr):
        return ("expr", part.uid)
    return ("value", part if isinstance(part, (int, float, str, bool, type(None))) else str(type(part)))


def written_into(owner: Expr, key: Value, value: Value, site: Site) -> Expr | None:
    """A tensor after `owner[key] = value`, where it was made to be filled or its NaN are replaced; None for others."""
    if asks_for_nan(key, owner):
        return Expr("nan_to_num", (owner,), (), site)
    filled_diagonal = diagonals.with_diagonal(owner, key, value, site)
    if filled_diagonal is not None:
        return filled_diagonal
    blank = owner
    while blank.op == "cast":
        blank = blank.args[0]
    return Expr("stack", (as_expr(value, site),), (), site) if blank.op in ("const", "empty", "stack") else None


def store(owner: dict[Key, Value] | list[Value] | Instance, key: Value, value: Value) -> None:
    """owner[key] = value, where the key is known; the items of an output object are its attributes as well."""
    if isinstance(owner, Instance):
        if isinstance(key, str):
            owner.attributes[key] = value
    elif isinstance(owner, dict):
        if isinstance(key, (str, int, float, bool)):
            owner[key] = value
    elif isinstance(key, int) and -len(owner) <= key < len(owner):
        owner[key] = value


def owned(context: Context, owner: Instance | Layer, value: Value) -> Value:
    """What an attribute is set to: two parts that one call makes, as of a factory of layers, are two parts."""
    same = [
        other
        for other in owner.attributes.values()
        if isinstance(value, Expr) and isinstance(other, Expr) and other.uid == value.uid
    ]
    # What was only given another name is the very same.
    return apart(value, context.serial) if same and all(other is not value for other in same) else value


def switches_gradient_off(value: Value) -> int:
    """1 for the context managers under which no gradient is recorded."""
    name = ""
    if isinstance(value, Expr) and value.op == "opaque":
        name = str(value.get("name"))
    elif isinstance(value, External):
        name = value.dotted
    return 1 if name.endswith(("no_grad", "inference_mode")) else 0


def length(value: Value, site: Site) -> Value:
    """len(value)."""
    if isinstance(value, (list, tuple, dict, str)):
        return len(value)
    if isinstance(value, Layers):
        return len(value.items)
    if isinstance(value, Expr):
        return Expr("size", (value,), (("axis", 0),), site)
    return opaque("len", (as_expr(value, site),), site)
