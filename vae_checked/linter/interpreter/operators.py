"""Python's own operators on abstract values: arithmetic, truth, comparisons, and a choice between two of them."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable, Sequence

from vae_checked.linter.interpreter import axis_counts, loss_choices
from vae_checked.linter.interpreter.context import UNREAD, Result
from vae_checked.linter.interpreter.filled import of_both
from vae_checked.linter.interpreter.texts import partly_known
from vae_checked.linter.symbols import asked_data, turns
from vae_checked.linter.symbols.conditions import BY_KEY, may_be_none
from vae_checked.linter.symbols.constants import MAX_ITEMS, extent, is_followed, joined
from vae_checked.linter.symbols.drawing import DRAWS, rank
from vae_checked.linter.symbols.either import unknown_layer
from vae_checked.linter.symbols.expression import Expr, Site, const, opaque, strip
from vae_checked.linter.symbols.places import Places, is_unknown_item
from vae_checked.linter.symbols.registered import is_learned
from vae_checked.linter.symbols.several_lengths import put_together
from vae_checked.linter.symbols.unknown_keys import UnknownKey
from vae_checked.linter.symbols.values import (
    Choice,
    Class,
    External,
    Function,
    Instance,
    Key,
    Layer,
    Open,
    Transform,
    Value,
    as_expr,
    is_key,
    is_number,
)
from vae_checked.linter.symbols.values import Sequence as Layers
from vae_checked.linter.torch_model import data_choices, norms
from vae_checked.linter.torch_model.layers import is_activation

_MAX_REPEATS = 64
# The entries of a dict that are tried in turn where the key is not known.
_MAX_CHOICES = 3
# The layers of a network, as of a head, that is tried beside another one.
_FEW_LAYERS = 4


_OPS: dict[type[ast.operator], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow", ast.MatMult: "matmul",
    ast.Mod: "remainder",
}  # fmt: skip


def binary(op: ast.operator, left: Value, right: Value, site: Site) -> Value:
    """left op right."""
    if not (isinstance(left, Expr) and isinstance(right, Expr)):
        known = _of_constants(op, left, right, site)
        if known is not UNREAD:
            return known
    name = _OPS.get(type(op))
    args = (as_expr(left, site), as_expr(right, site))
    if name == "pow" and (squared := norms.squared(args[0], right, site)) is not None:
        return squared
    if isinstance(op, ast.FloorDiv):
        return Expr("floor", (Expr("div", args, (), site),), (), site)
    return opaque(type(op).__name__, args, site) if name is None else Expr(name, args, (), site)


def _of_constants(op: ast.operator, left: Value, right: Value, site: Site) -> Result:
    """Arithmetic on what Python itself would do it on: numbers, texts and lists."""
    if isinstance(left, (list, tuple)):
        return _of_list(op, left, right, site)
    if isinstance(right, (list, tuple)) and isinstance(op, ast.Mult):
        return _of_list(op, right, left, site)
    if isinstance(right, tuple) and isinstance(op, ast.Add) and isinstance(left, Expr) and left.op == "shape":
        return (_sizes_of(left, site), *right)
    if isinstance(left, str):
        return _of_text(op, left, right, site)
    bitwise = _BITWISE.get(type(op))
    if bitwise is not None and isinstance(left, int) and isinstance(right, int):
        return bitwise(left, right) if is_followed(left) and is_followed(right) else UNREAD
    if is_number(left) and is_number(right):
        folded = _fold(op, left, right)
        return UNREAD if folded is None else folded
    return UNREAD


def _of_list(op: ast.operator, left: list[Value] | tuple[Value, ...], right: Value, site: Site) -> Result:
    if isinstance(left, Places) or isinstance(right, Places):
        # How long the list is is not known.
        return UNREAD
    if isinstance(op, ast.Add) and isinstance(right, (list, tuple)):
        if len(left) + len(right) > MAX_ITEMS:
            return opaque("long", (), site)
        return type(left)([*left, *right])
    if isinstance(op, ast.Add) and isinstance(left, tuple) and isinstance(right, Expr) and right.op == "shape":
        return (*left, _sizes_of(right, site))
    if isinstance(op, ast.Mult) and isinstance(right, (Expr, External)) and isinstance(left, list) and len(left) == 1:
        return Places(left)
    if isinstance(op, ast.Mult) and isinstance(right, int):
        return type(left)(list(left) * max(0, min(right, _MAX_REPEATS)))[:MAX_ITEMS]
    return UNREAD


def _sizes_of(shape: Expr, site: Site) -> Expr:
    """All sizes of a tensor, as a star before its shape has them."""
    return Expr("spread", (shape,), (), site)


def _of_text(op: ast.operator, left: str, right: Value, site: Site) -> Result:
    if isinstance(op, ast.Add) and isinstance(right, str):
        return _text((left, right), site)
    if isinstance(op, ast.Mod):
        values = right if isinstance(right, tuple) else (right,)
        written = [item for item in values if isinstance(item, (str, int, float))]
        if len(written) == len(values):
            return filled(left, written)
    return UNREAD


def _text(pieces: Iterable[str], site: Site | None = None) -> Value:
    """Texts as one, unknown where that is too long."""
    made = joined(pieces)
    return opaque("long", (), site) if made is None else made


def filled(template: str, values: Sequence[str | int | float]) -> Value:
    """A text with its fields, of either kind, replaced by values, in order and whatever their format."""
    pieces = _FIELD.split(template) if len(template) <= MAX_ITEMS else ()
    fields = len(pieces) - 1
    if not 0 < fields <= len(values):
        ends = (pieces[0], pieces[-1]) if pieces else (template[:MAX_ITEMS], "")
        return partly_known(ends[0], tuple(values), None, ends[1])
    return _text(piece + str(value) for piece, value in zip(pieces, [*values[:fields], ""], strict=True))


# Models and what makes them.
_MADE = (Instance, Class)
_PARTS = (Instance, Layer, Layers, Choice)
# Whether the first of two objects is kept.
Prefer = Callable[[Value, Value], bool]
_FIELD = re.compile(r"\{[^{}]*\}|%[-+ #0-9.]*[diouxXeEfFgGcrsa]")


_FOLDS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
}  # fmt: skip
_BITWISE: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.BitAnd: operator.and_, ast.BitOr: operator.or_, ast.BitXor: operator.xor,
}  # fmt: skip


def _fold(op: ast.operator, left: float, right: float) -> float | None:
    if not (is_followed(left) and is_followed(right)):
        return None
    fold = _FOLDS.get(type(op))
    if fold is None or (fold is operator.pow and not (abs(left) < 1e6 and abs(right) < 64)):
        return None
    try:
        result = fold(left, right)
    except (ZeroDivisionError, OverflowError, ValueError):
        return None
    return result if isinstance(result, (int, float)) and is_followed(result) else None


def unary(op: ast.unaryop, value: Value, site: Site) -> Value:
    """op value."""
    if isinstance(op, ast.Not):
        known = truth(value)
        return opaque("not", (as_expr(value, site),), site) if known is None else not known
    if isinstance(op, ast.USub):
        return -value if is_number(value) else Expr("neg", (as_expr(value, site),), (), site)
    if isinstance(op, ast.UAdd):
        return value
    if isinstance(value, int) and is_followed(value):
        # Python's own ~True is -2, which counts as true.
        return -int(value) - 1
    return opaque("invert", (as_expr(value, site),), site)


def truth(value: Value) -> bool | None:
    """Whether a value is true, None when that is not known."""
    if isinstance(value, Expr):
        return bool(value.value) if value.op == "const" else turns.truth(value)
    if (isinstance(value, Open) and not value) or isinstance(value, Places):
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
        if any(isinstance(item, Expr) and may_be_none(item) for item in (left, right)):
            # Nobody has to set it: an option has None where it is left out, a file of settings where it says null.
            return None
        return (left is None and right is None) is isinstance(op, ast.Is)
    if isinstance(op, (ast.Eq, ast.NotEq)) and (left is None) is not (right is None):
        made = right if left is None else left
        if not isinstance(made, (Expr, Choice)):
            # What is made of something is not None, whatever it is compared by.
            return isinstance(op, ast.NotEq)
    if type(op) in _EQUALITIES and isinstance(left, Layer) and isinstance(right, Layer):
        # Modules are compared by identity: nn.MSELoss() == nn.MSELoss() is False.
        return (left.serial == right.serial) is isinstance(op, (ast.Eq, ast.Is))
    left, right = (item.value if isinstance(item, Expr) and item.op == "const" else item for item in (left, right))
    if not is_key(left) or isinstance(right, Expr):
        known = turns.compared(op, left, right)
        return axis_counts.compared(op, left, right) if known is None else known
    if isinstance(op, (ast.In, ast.NotIn)):
        inside = _contains(right, left)
        return None if inside is None else inside is isinstance(op, ast.In)
    return _compare_keys(op, left, right) if is_key(right) else None


def _contains(container: Value, key: Key) -> bool | None:
    """Whether a key is in a list or dict, or a text in another one, None where that is not known."""
    if isinstance(container, str) and isinstance(key, str):
        return key in container
    if not isinstance(container, (list, tuple, dict)) or (isinstance(container, Open) and key not in container):
        return None
    return key in container if all(map(is_key, container)) else None


def _compare_keys(op: ast.cmpop, left: Key, right: Key) -> bool | None:
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


def merge(condition: Expr, one: Value, other: Value, prefer: Prefer | None = None) -> Value:
    """The value after two branches: `phi` where both are expressions or numbers, else whichever says more.

    Which of two objects is kept is what `prefer` says, where that is given.
    """
    if isinstance(one, tuple) and extent(one) >= MAX_ITEMS:
        return opaque("long", (condition,))
    return _merged(condition, one, other, prefer)


def _merged(condition: Expr, one: Value, other: Value, prefer: Prefer | None = None) -> Value:
    if one is other or (isinstance(one, External) and one == other):
        return one
    numeric = (Expr, int, float)
    if isinstance(one, numeric) and isinstance(other, numeric):
        left, right = as_expr(one), as_expr(other)
        if left.uid == right.uid:
            return one
        if _numbers_of(left).uid == _numbers_of(right).uid or _are_drawn_alike(_numbers_of(left), _numbers_of(right)):
            # The same numbers, which one branch moves to another device or gives another type.
            return _numbers_of(left)
        both = of_both(left, right)
        if both is not None:
            return both
        site = left.site or right.site
        while condition.op == "opaque" and condition.get("name") == "not":
            condition, left, right = condition.args[0], right, left
        return Expr("phi", (condition, *asked_data.without_ranges(condition, left, right)), (), site)
    if isinstance(one, dict) and isinstance(other, dict):
        return {**other, **one}
    if isinstance(one, (list, tuple)) and type(one) is type(other):
        steps = None if len(one) == len(other) and isinstance(one, tuple) else _of_steps(condition, one, other)
        if steps is not None:
            return type(one)(steps)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return put_together(one, other, lambda left, right: _merged(condition, left, right, prefer))
    if one is None or (isinstance(one, list) and not one and isinstance(other, list)):
        return other
    if isinstance(one, list) and len(one) == 1 and _is_each_of(one[0], other):
        # What is done to each of several is done to the one that is there.
        return other
    data = data_choices.of_both(one, other)
    if data is not None:
        return data
    losses = loss_choices.of_both(condition, one, other)
    if losses is not None:
        return losses
    if isinstance(one, (Layer, Layers)) and isinstance(other, (Layer, Layers)) and turns.depends_on_turn(condition):
        # One turn stands for many: which of the two comes last is not known.
        return unknown_layer(one.site if isinstance(one, Layer) else condition.site)
    bare = [_is_bare(each) for each in (one, other)]
    if any(bare) and all(known or _is_choice(each) for known, each in zip(bare, (one, other), strict=True)):
        return Choice(condition, one, other)
    if prefer is not None and isinstance(one, _MADE) and isinstance(other, _MADE):
        return _with_other(one, other) if prefer(one, other) else _with_other(other, one)
    if isinstance(other, _MADE) and (
        isinstance(one, Expr) or (isinstance(one, _MADE) and rank(one) < rank(other) >= DRAWS)
    ):
        # A model that was made says more than one that was loaded, and one that draws more than one that does not.
        return _with_other(other, one)
    return Choice(condition, one, other) if _is_choice(one) and _is_choice(other) else _with_other(one, other)


def _with_other(kept: Value, left: Value) -> Value:
    """An object, and beside it the one of another class that is left out: a method that it has not is one of that."""
    if isinstance(kept, Instance) and isinstance(left, Instance) and kept.other is None:
        kept.other = left if left.cls is not kept.cls and left.other is not kept else None
    return kept


def _of_steps(condition: Expr, one: Sequence[Value], other: Sequence[Value]) -> list[Value] | None:
    """The layers or transforms of two branches, of which one begins with all that the other has; None for others."""
    if any(isinstance(item, Transform) for item in (*one, *other)):
        steps = data_choices.of_steps(one, other)
        if steps is not None:
            return steps
    elif not any(isinstance(item, Layer) for item in (*one, *other)):
        return None
    if len(one) == len(other):
        return [_merged(condition, left, right) for left, right in zip(one, other, strict=True)]
    short, long = sorted((list(one), list(other)), key=len)
    begun, added = long[: len(short)], long[len(short) :]
    return [*begun, *map(perhaps, added)] if all(map(_are_built_alike, short, begun)) else None


def _are_built_alike(one: Value, other: Value) -> bool:
    if isinstance(one, Transform) and isinstance(other, Transform):
        return data_choices.are_alike(one, other)
    return one is other or (isinstance(one, Layer) and isinstance(other, Layer) and one.kind == other.kind)


def perhaps(item: Value) -> Value:
    """What one branch alone adds is kept, but for what bends or moves values: they are bent under a condition."""
    if isinstance(item, Transform):
        return data_choices.perhaps(item)
    return unknown_layer(item.site) if isinstance(item, Layer) and is_activation(item) else item


def _is_each_of(item: Value, whole: Value) -> bool:
    """Whether an entry of a list is made of any part of a value."""
    if not isinstance(item, Expr) or not isinstance(whole, (Expr, *_MADE)):
        return False
    part, owner = strip(item), strip(as_expr(whole))
    return is_unknown_item(part) and part.args[0].uid == owner.uid


def _numbers_of(value: Expr) -> Expr:
    while value.op == "cast" and not value.attrs:
        value = value.args[0]
    return value


def _are_drawn_alike(one: Expr, other: Expr) -> bool:
    """Whether two values are drawn from one law in one shape: of two branches one draws."""
    if one.op != "noise" or other.op != "noise" or [arg.uid for arg in one.args] != [arg.uid for arg in other.args]:
        return False
    first, second = ({key: each for key, each in noise.attrs if key != "serial"} for noise in (one, other))
    return first == second


def _is_choice(value: Value) -> bool:
    """Whether a value is a layer, a few in order or a function: each can be tried where one is chosen by a setting."""
    if isinstance(value, Layers):
        return value.callable and len(value.items) <= _FEW_LAYERS and _are_layers(value.items.values())
    return isinstance(value, (Layer, External, Function, Choice))


def _is_bare(value: Value) -> bool:
    """Whether a value is a module without layers and weights, as an activation that the project writes."""
    if not isinstance(value, Instance) or not value.cls.is_module or rank(value) >= DRAWS:
        return False
    held = value.attributes.values()
    return not any(isinstance(each, _PARTS) or (isinstance(each, Expr) and is_learned(each)) for each in held)


def _are_layers(items: Iterable[Value]) -> bool:
    return all(isinstance(item, Layer) for item in items)


def _is_of_no_vae(value: Value) -> bool:
    """Whether a value is an object that is called and draws nothing, as a loss: of several VAEs one is taken."""
    return isinstance(value, Instance) and value.cls.is_module and rank(value) < DRAWS


def chosen(owner: dict[Key, Value], key: Value, site: Site) -> Value:
    """What a dict of data, or of a few layers, functions or losses, holds for a key that is not known, or None."""
    values = list(owner.values())
    # What the command line says, as `sys.argv[1]`, is of a library and no value of the code.
    data = data_choices.any_of(values) if isinstance(key, (Expr, External)) else None
    if data is not None or not isinstance(key, Expr) or not 2 <= len(values) <= _MAX_CHOICES:
        return data
    if not all(map(_is_choice, values)) and not all(map(_is_of_no_vae, values)):
        return None
    made = values[-1]
    for index, (name, value) in reversed(list(enumerate(list(owner.items())[:-1]))):
        text = "" if isinstance(name, UnknownKey) else repr(name)
        made = Choice(opaque(f"{BY_KEY}{id(owner)}:{text}", (const(index), key), site), value, made)
    return made
