"""Loops of unknown length: the last turn decides what ends a network, and code tells it by its number."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter import kinds, parts, resized
from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.symbols.constants import whole
from vae_checked.linter.symbols.expression import Expr, atom, const
from vae_checked.linter.symbols.places import Grown, is_unknown_item
from vae_checked.linter.symbols.turns import first_of, last_of
from vae_checked.linter.symbols.values import Scope, Value, number_of

# What can be evaluated once more without doing anything.
_PURE = (ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Constant, ast.UnaryOp, ast.BinOp, ast.List, ast.Tuple,
         ast.operator, ast.unaryop, ast.expr_context)  # fmt: skip


def first_and_last(
    context: Context, node: ast.For | ast.AsyncFor, scope: Scope
) -> tuple[ast.expr, tuple[Expr, Expr]] | None:
    """The index of a loop and its numbers in the first and in the last turn, where the body asks which turn it is.

    None where the number of turns is known, where it is not known, and where nothing depends on it.
    """
    index, over = _index(node)
    if index is None or not body_asks(node.body, index.id):
        return None
    down = _downwards(context, over[0], scope)
    if down is not None:
        return index, down
    sizes = [_turns(context, item, scope) for item in over]
    known = next((size for size in sizes if size is not None), None)
    if known is None:
        return None
    last = last_of(known, context.site(node.iter))
    return index, (first_of(_start(over[0]), last), last)


def picks_a_kind(context: Context, node: ast.For | ast.AsyncFor, scope: Scope) -> bool:
    """Whether a loop picks, by its number, one of several layers or objects that are not of one kind."""
    return isinstance(node.target, ast.Name) and body_picks_a_kind(context, node.body, node.target.id, scope)


def body_picks_a_kind(context: Context, body: Sequence[ast.stmt], name: str, scope: Scope) -> bool:
    """Whether a loop's body picks, by a name, one of several layers or objects that are not of one kind."""
    picks = (node for statement in body for node in syntax.descendants(statement) if isinstance(node, ast.Subscript))
    return any(
        kinds.holds_kinds(context.eval(node.value, scope))
        for node in picks
        if any(isinstance(each, ast.Name) and each.id == name for each in ast.walk(node.slice))
        and all(isinstance(each, _PURE) for each in ast.walk(node.value))
    )


def counted_any_turn(context: Context, node: ast.For | ast.AsyncFor, items: list[Value]) -> list[Value]:
    """What `enumerate` gives, with the number of a turn that stands for all where nobody knows how many there are."""
    only = items[0] if len(items) == 1 else None
    if not isinstance(node.iter, ast.Call) or syntax.last(node.iter.func) != "enumerate" or not isinstance(only, tuple):
        return items
    several = only[1] if isinstance(only[1], tuple) else only[1:]
    if only[0] != 0 or not any(is_unknown_item(each) for each in several):
        return items
    site = context.site(node.iter)
    return [(atom("index", site, site.place.line), *only[1:])]


def lengths_of_lists(scope: Scope) -> dict[str, int]:
    """How long the lists are that names stand for."""
    return {name: len(value) for name, value in scope.names.items() if type(value) is list}


def leave_lengths_open(scope: Scope, lengths: Mapping[str, int]) -> None:
    """Say of the lists that a loop made longer than their `lengths` that it may go round more often than it was run."""
    for name, count in lengths.items():
        value = scope.names.get(name)
        if type(value) is list and len(value) > count:
            scope.names[name] = Grown(value)


class Sweep:
    """A loop whose turns are known, of a script that trains once for each of many settings, say."""

    def __init__(self, context: Context, scope: Scope, count: int) -> None:
        self._context, self._scope, self._count = context, scope, count
        self._steps, self._roots = context.steps_left, len(context.observations.roots)
        self._lengths = lengths_of_lists(scope) if count > 1 else {}

    def is_left_after(self, turns: int) -> bool:
        """Whether the loop is left after so many of its turns, that what comes behind it is read too.

        All would take most of the steps that there were, and the next one more than a quarter with those before it. A
        loop that does not train may build a network, and its last turn decides how that one ends.
        """
        each = (self._steps - self._context.steps_left) / turns
        if turns >= self._count or each * self._count <= self._steps / 2 or each * (turns + 1) <= self._steps / 4:
            return False
        if all(root.kind != "backward" for root in self._context.observations.roots[self._roots :]):
            return False
        leave_lengths_open(self._scope, self._lengths)
        return True


def _index(node: ast.For | ast.AsyncFor) -> tuple[ast.Name | None, list[ast.expr]]:
    """The name that counts the turns, and what is gone through: one thing, or several at a time."""
    call = node.iter
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.keywords or not call.args:
        return None, []
    target: ast.expr = node.target
    if call.func.id == "enumerate" and len(call.args) == 1 and isinstance(target, ast.Tuple):
        target, over = target.elts[0], call.args[0]
        zipped = isinstance(over, ast.Call) and isinstance(over.func, ast.Name) and over.func.id == "zip"
        many = over.args if isinstance(over, ast.Call) and zipped else [over]
        many = [_turned_round(each) for each in many]
        return (target, many) if isinstance(target, ast.Name) else (None, [])
    counts_up = call.func.id == "range" and len(call.args) <= 2
    if (counts_up or _counted_down(call) is not None) and isinstance(target, ast.Name):
        return target, [call]
    return None, []


def _turned_round(over: ast.expr) -> ast.expr:
    """What is gone through from its end, which has as many items that way."""
    is_reversed = isinstance(over, ast.Call) and isinstance(over.func, ast.Name) and over.func.id == "reversed"
    return over.args[0] if isinstance(over, ast.Call) and is_reversed and len(over.args) == 1 else over


def _counted_down(call: ast.Call) -> ast.Call | None:
    """The `range` that a loop goes through from its end: that in `reversed(range(n))`, or one whose step is -1."""
    name = call.func.id if isinstance(call.func, ast.Name) and not call.keywords else ""
    if name == "range" and len(call.args) == 3:
        return call if ast.unparse(call.args[2]) == "-1" else None
    inner = call.args[0] if name == "reversed" and len(call.args) == 1 else None
    is_range = isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == "range"
    return inner if isinstance(inner, ast.Call) and is_range and 1 <= len(inner.args) <= 2 else None


def _downwards(context: Context, over: ast.expr, scope: Scope) -> tuple[Expr, Expr] | None:
    """The first and the last number of a loop that counts down from one that is not known to one that is."""
    counted = _counted_down(over) if isinstance(over, ast.Call) else None
    if counted is None:
        return None
    *low, high = counted.args[:2] if counted is not over else (counted.args[1], counted.args[0])
    end = whole(number_of(context.eval(low[0], scope))) if low else 0
    first, site = context.eval(high, scope), context.site(over)
    if end is None or not isinstance(first, Expr) or first.op == "const":
        return None
    if counted is over:
        # It ends one above what is written for its end, and begins with what is written for its beginning.
        end, first = end + 1, Expr("add", (first, const(1, site)), (), site)
    return None if end < 0 else (last_of(first, site), const(end, site))


def body_asks(body: Sequence[ast.stmt], name: str) -> bool:
    """Whether a condition in a loop's body asks for the number of the turn."""
    return any(
        isinstance(item, ast.Name) and item.id == name
        for statement in body
        for node in syntax.descendants(statement)
        for asked in _asked(node)
        for item in (asked, *(syntax.descendants(asked) if isinstance(asked, ast.Compare) else ()))
    )


def _asked(node: ast.AST) -> tuple[ast.expr, ...]:
    """What is compared here, or asked whether it is true."""
    match node:
        case ast.Compare():
            return (node,)
        case ast.If(test=test) | ast.IfExp(test=test) | ast.UnaryOp(op=ast.Not(), operand=test):
            return (test,)
        case ast.BoolOp():
            return tuple(node.values)
    return ()


def _start(over: ast.expr) -> float:
    """The number from which a loop counts; one that is not written is no less than 0."""
    if isinstance(over, ast.Call) and len(over.args) == 2 and isinstance(over.args[0], ast.Constant):
        value = over.args[0].value
        return float(value) if isinstance(value, int) else 0.0
    return 0.0


def _turns(context: Context, over: ast.expr, scope: Scope) -> Expr | None:
    """How often a loop goes round, one more than its last number: None where that is a known number."""
    if isinstance(over, ast.Call):
        counts = isinstance(over.func, ast.Name) and over.func.id == "range"
        value = context.eval(over.args[-1], scope) if counts else None
        return value if isinstance(value, Expr) and value.op != "const" else None
    if not all(isinstance(item, _PURE) for item in ast.walk(over)):
        return None
    length = parts.length(resized.now(context, context.eval(over, scope)), context.site(over))
    return length if isinstance(length, Expr) and length.op == "size" else None
