"""`while` loops that go by a number: how often they go round, and what is known of the number where that is not."""

from __future__ import annotations

import ast

from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter import loops, operators
from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.symbols.turns import any_turn
from vae_checked.linter.symbols.values import Scope, Value, is_number
from vae_checked.record import dataclass

# What leaves a loop, or a turn of it, before its end.
_LEAVING = (ast.Break, ast.Continue)
# What a number is counted on by: arithmetic, and these.
_ARITHMETIC = (ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.expr_context, ast.Call)
_CALLED = ("int", "min", "max")


def turns(context: Context, node: ast.While, scope: Scope, most: int) -> int | None:
    """How often a loop goes round that counts by numbers that are known; None for any other, and for more than `most`.

    One that is left by a `break` goes round as often as that says.
    """
    counting = _counting(node, scope)
    if not counting or any(isinstance(each, _LEAVING) for each in syntax.descendants(node)):
        return None
    counted = Scope(dict(scope.names), scope.parent, scope.module)
    for turn in range(most + 1):
        truth = operators.truth(context.eval(node.test, counted))
        if truth is None:
            return None
        if not truth:
            return turn
        before = [counted.names[each.name] for each in counting]
        for each in counting:
            counted.names[each.name] = _counted_on(context, each, counted)
        after = [counted.names[each.name] for each in counting]
        if not all(map(is_number, after)) or after == before:
            return None
    return None


def count_any_turn(context: Context, node: ast.While, scope: Scope, *, trains: bool) -> None:
    """Give the names by which a loop counts its turns the number of a turn that stands for all.

    That is where its body picks layers by them, or asks which turn it is: the last one decides how a network ends. A
    loop that trains does so in each turn, and asks for what it does now and then.
    """
    every = [each for statement in node.body for item in syntax.descendants(statement) for each in _steps(item)]
    names = {each.name for each in every}
    for name in sorted({each.name for each in every if each.goes_on_from(names)}):
        asked = not trains and loops.body_asks(node.body, name)
        asked = asked or loops.body_picks_a_kind(context, node.body, name, scope)
        if is_number(scope.names.get(name)) and asked:
            scope.names[name] = any_turn(context.site(node))


@dataclass(frozen=True, slots=True)
class _Step:
    """What counts on a number: a name that is given a value, or that is made more or less by it."""

    name: str
    value: ast.expr
    increased: ast.AugAssign | None = None

    @property
    def used(self) -> set[str]:
        """The names that the value is worked out of."""
        return {each.id for each in ast.walk(self.value) if isinstance(each, ast.Name)}

    def goes_on_from(self, names: set[str]) -> bool:
        """Whether the number is counted on from what it was, or from others among some names."""
        return self.increased is not None or (_is_arithmetic(self.value) and not names.isdisjoint(self.used))


def _steps(item: ast.AST) -> list[_Step]:
    """The numbers that a statement counts on, each by itself; nothing where it does anything else."""
    if isinstance(item, ast.AugAssign) and isinstance(item.target, ast.Name):
        return [_Step(item.target.id, item.value, item)]
    if not isinstance(item, ast.Assign) or len(item.targets) != 1:
        return []
    target, value = item.targets[0], item.value
    pairs = [(target, value)]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        pairs = list(zip(target.elts, value.elts, strict=True))
    return [_Step(name.id, each) for name, each in pairs if isinstance(name, ast.Name)]


def _counting(node: ast.While, scope: Scope) -> list[_Step]:
    """What counts on the numbers that a loop asks for, in each turn of it; nothing where one is changed otherwise."""
    stored = [
        each.id
        for statement in node.body
        for each in syntax.descendants(statement)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    ]
    asked = {each.id for each in ast.walk(node.test) if isinstance(each, ast.Name)}.intersection(stored)
    counting = [each for statement in node.body for each in _steps(statement) if each.name in asked]
    is_all = sorted(each.name for each in counting) == sorted(name for name in stored if name in asked)
    # One that is worked out of what else changes is not followed, nor two that are changed at once by each other.
    alone = all(each.used.intersection(stored) <= {each.name} for each in counting)
    is_counted = is_all and alone and all(is_number(scope.names.get(name)) for name in asked)
    return counting if is_counted and all(_is_arithmetic(each.value) for each in counting) else []


def _is_arithmetic(value: ast.expr) -> bool:
    return all(
        isinstance(each, _ARITHMETIC) and (not isinstance(each, ast.Call) or syntax.called(each) in _CALLED)
        for each in ast.walk(value)
    )


def _counted_on(context: Context, step: _Step, scope: Scope) -> Value:
    value = context.eval(step.value, scope)
    if step.increased is None:
        return value
    return operators.binary(step.increased.op, scope.names[step.name], value, context.site(step.increased))
