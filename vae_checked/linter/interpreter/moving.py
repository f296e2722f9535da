"""Numbers that training moves, and conditions or weights ask for: what code begins with they are in one turn alone."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache

from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter import operators
from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.symbols.expression import Site, atom
from vae_checked.linter.symbols.values import Instance, Key, Module, Scope, Value, is_number, number_of
from vae_checked.record import dataclass

_ASKING = (ast.If, ast.IfExp, ast.While)
FACTORS = (ast.Mult, ast.Div, ast.Pow)
# Calls by which a number is counted on, as in `share = min(1.0, share + rate)`.
_OF_NUMBERS = frozenset("min max float int round abs len".split())


@dataclass(frozen=True, slots=True)
class _Moving:
    """The names of which a condition in a loop asks: those that count, those that are set to constants, or to more.

    Those that count also where something is multiplied by them, as a term of a loss is. `entries` are those of lists
    and dicts that are so, each by the name of what holds it and its key.
    """

    counted: frozenset[str]
    constants: tuple[tuple[str, object], ...]
    more: frozenset[str]
    entries: frozenset[tuple[str, Key]]


def let_move(context: Context, node: ast.For | ast.AsyncFor | ast.While, scope: Scope) -> None:
    """In the place of the numbers that a loop which trains asks for or weighs by, put one that is in no turn known."""
    site = context.site(node)
    known = scope.module.read_once(_by_place)
    place = site.source.cell.number, node.lineno, node.col_offset
    if place not in known:
        known[place] = _read(node)
    moving, names = known[place], scope.names
    moved = {name for name in moving.counted if _is_constant(names.get(name, atom(name)))}
    moved |= {
        name for name, value in moving.constants if _is_constant(names.get(name, atom(name))) and names[name] != value
    }
    moved |= {name for name in moving.more if names.get(name, name) is None}
    for name in sorted(moved):
        names[name] = _any_turn(site, name)
    for name, key in sorted(moving.entries, key=repr):
        _let_entry_move(names.get(name), key, _any_turn(site, f"{name}[{key!r}]"))


def _let_entry_move(held: Value, key: Key, moved: Value) -> None:
    """Put what is in no turn known in the place of a number in a list or a dict."""
    if isinstance(held, list):
        if isinstance(key, int) and -len(held) <= key < len(held) and is_number(held[key]):
            held[key] = moved
    elif isinstance(held, dict) and is_number(held.get(key)):
        held[key] = moved


def _by_place(_: Module) -> dict[tuple[int | None, int, int], _Moving]:
    """By cell, line and column of a loop: it is met in many evaluations, and its nodes are made anew."""
    return {}


def asked(context: Context, test: ast.expr, scope: Scope) -> Value:
    """What a condition asks; of a number that a method or a function counts up, in any turn."""
    value = context.eval(test, scope)
    if operators.truth(value) is None or isinstance(test, ast.Constant):
        return value
    held = [*_counted(context, test, scope)]
    if not held:
        return value
    return _anew(context, test, scope, held)


def in_any_turn(context: Context, written: ast.expr, value: Value, scope: Scope) -> Value:
    """A number by which something is multiplied or divided, or that a function is handed; once it is built, any turn's.

    What is made of a number that code counts on is made of it as it is in any turn, where no call has a part in it.
    """
    if isinstance(written, ast.Constant) or not is_number(value) or _is_building(context):
        return value
    held = [*_counted(context, written, scope, _added_to)]
    if not held:
        return value
    if isinstance(written, (ast.Attribute, ast.Name)):
        return _any_turn(context.site(written), held[0][1])
    if any(isinstance(each, ast.Call) and syntax.called(each) not in _OF_NUMBERS for each in ast.walk(written)):
        return value
    return _anew(context, written, scope, held)


def _is_building(context: Context) -> bool:
    return any(getattr(each.node, "name", "") == "__init__" for each in context.running())


def _is_constant(value: Value) -> bool:
    return value is None or isinstance(value, bool) or number_of(value) is not None


def _any_turn(site: Site, name: str) -> Value:
    return atom("loop", site, (site.place.line, name))


def _read(loop: ast.For | ast.AsyncFor | ast.While) -> _Moving:
    nodes = [item for statement in loop.body for item in syntax.descendants(statement)]
    tests = [
        item.test if isinstance(item, _ASKING) else item for item in nodes if isinstance(item, (*_ASKING, ast.Compare))
    ]
    asked = {item.id for test in tests for item in ast.walk(test) if isinstance(item, ast.Name)}
    made_once = {*_made_once(nodes)}
    places, handed = {*_places(loop)}, _handed(nodes)
    counted, constants, more = set(places), list[tuple[str, object]](), set[str]()
    for item in nodes:
        if isinstance(item, ast.AugAssign) and isinstance(item.target, ast.Name):
            counted.add(item.target.id)
        elif isinstance(item, ast.Assign) and len(item.targets) == 1 and isinstance(item.targets[0], ast.Name):
            name = item.targets[0].id
            if _is_of_itself(item):
                counted.add(name)
            elif isinstance(item.value, ast.Constant):
                constants.append((name, item.value.value))
            elif item not in made_once:
                more.add(name)
    chosen = tuple(each for each in constants if each[0] in asked)
    counted = counted & asked | places & handed | {*_weighing(nodes)} | {*_handed_on(nodes, handed)}
    return _Moving(frozenset(counted), chosen, frozenset(more & asked), frozenset(_weighing_entries(nodes)))


def _handed(nodes: Sequence[ast.AST]) -> set[str]:
    """The names that are handed to a function as they are: it may ask for these."""
    calls = (item for item in nodes if isinstance(item, ast.Call) and syntax.called(item) not in _OF_NUMBERS)
    given = (each for call in calls for each in (*call.args, *(named.value for named in call.keywords)))
    return {each.id for each in given if isinstance(each, ast.Name)}


def _handed_on(nodes: Sequence[ast.AST], handed: Collection[str]) -> Iterator[str]:
    """The names of numbers that each turn of a loop counts on, of those that it hands to a function."""
    bound = {item.id for item in nodes if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)}
    for item in nodes:
        match item:
            case ast.AugAssign(target=ast.Name(id=name)) if name in handed and _is_steady(item, bound - {name}):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]) if (
                name in handed and _is_of_itself(item) and _is_steady(item, bound - {name})
            ):
                yield name


def _weighing(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """The names of numbers that something is multiplied by, or divided, and that each turn of a loop may change.

    A sum of losses is no such number: what it grows by is made in the loop.
    """
    factors = {
        inner.id
        for item in nodes
        if isinstance(item, ast.BinOp) and isinstance(item.op, FACTORS)
        for inner in ast.walk(item)
        if isinstance(inner, ast.Name)
    }
    bound = {item.id for item in nodes if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)}
    for item in nodes:
        match item:
            case ast.AugAssign(target=ast.Name(id=name)):
                grows = True
            case ast.Assign(targets=[ast.Name(id=name)]):
                grows = _is_of_itself(item)
            case _:
                continue
        if name in factors and (not grows or _is_steady(item, bound - {name})):
            yield name


def _weighing_entries(nodes: Sequence[ast.AST]) -> Iterator[tuple[str, Key]]:
    """As `_weighing`, the numbers that a list or a dict keeps: `beta[0] += 0.01`, `state["beta"] = ...`."""
    factors = {
        entry
        for item in nodes
        if isinstance(item, ast.BinOp) and isinstance(item.op, FACTORS)
        for inner in ast.walk(item)
        if (entry := _entry(inner)) is not None
    }
    bound = {item.id for item in nodes if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)}
    for item in nodes:
        if not isinstance(item, (ast.AugAssign, ast.Assign)):
            continue
        entry = _entry(item.target if isinstance(item, ast.AugAssign) else item.targets[0])
        if entry is None or entry not in factors:
            continue
        grows = isinstance(item, ast.AugAssign) or entry in map(_entry, ast.walk(item.value))
        if not grows or bound.isdisjoint(_names_in(item.value)):
            yield entry


def _entry(node: ast.AST) -> tuple[str, Key] | None:
    """The name of a list or a dict and the key of an entry that is asked of it, or set."""
    if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Name):
        return None
    key = node.slice.value if isinstance(node.slice, ast.Constant) else None
    return (node.value.id, key) if isinstance(key, (int, str)) else None


def _is_steady(step: ast.Assign | ast.AugAssign, bound: Collection[str]) -> bool:
    """Whether a number is counted on by numbers that no turn of the loop makes."""
    called = step.value if isinstance(step, ast.Assign) else None
    return not any(
        isinstance(inner, ast.Subscript)
        or (isinstance(inner, ast.Name) and inner.id in bound)
        or (isinstance(inner, ast.Call) and inner is not called and syntax.called(inner) not in _OF_NUMBERS)
        for inner in ast.walk(step.value)
    )


def _made_once(nodes: Iterable[ast.AST]) -> Iterator[ast.Assign]:
    """What gives a name a value on a way through a condition that asks for it, as where something is built once."""
    for item in nodes:
        if isinstance(item, ast.If):
            asked = {*_names_in(item.test)}
            inner = (each for way in (item.body, item.orelse) for one in way for each in syntax.descendants(one))
            for each in inner if asked else ():
                if isinstance(each, ast.Assign) and any(not asked.isdisjoint(_names_in(one)) for one in each.targets):
                    yield each


def _names_in(value: ast.expr) -> Iterator[str]:
    return (each.id for each in ast.walk(value) if isinstance(each, ast.Name))


def _places(node: ast.For | ast.AsyncFor | ast.While) -> Iterator[str]:
    """The name of the place of a batch among all, where a loop counts these."""
    if isinstance(node, ast.While) or not isinstance(node.target, ast.Tuple):
        return
    counts = any(isinstance(each, ast.Call) and syntax.called(each) == "enumerate" for each in ast.walk(node.iter))
    if counts and isinstance(node.target.elts[0], ast.Name):
        yield node.target.elts[0].id


def _anew(
    context: Context, written: ast.expr, scope: Scope, held: Sequence[tuple[dict[str, Value], str, Value]]
) -> Value:
    """What an expression comes to where each number that is held, and counted on, is one of any turn."""
    for names, name, _ in held:
        names[name] = _any_turn(context.site(written), name)
    anew = context.eval(written, scope)
    for names, name, number in held:
        names[name] = number
    return anew


def _counted(
    context: Context, test: ast.expr, scope: Scope, counters: Callable[[Module], frozenset[str]] | None = None
) -> Iterator[tuple[dict[str, Value], str, Value]]:
    """The numbers of objects and modules that a condition asks for and other code counts up, with what holds them."""
    counters = counters or _counters
    for item in _named(test):
        if isinstance(item, ast.Attribute):
            owner = context.eval(item.value, scope)
            if not isinstance(owner, Instance) or not is_number(owner.attributes.get(item.attr)):
                continue
            modules = {scope.module, *(each.scope.module for each in owner.cls.mro())}
            if any(f".{item.attr}" in module.read_once(counters) for module in modules):
                yield owner.attributes, item.attr, owner.attributes[item.attr]
        elif item.id not in scope.names:
            names = scope.module.scope.names
            # Few conditions ask for a number of the module: what its code counts is read for these alone.
            if is_number(names.get(item.id)) and item.id in scope.module.read_once(counters):
                yield names, item.id, names[item.id]


@lru_cache(maxsize=512)
def _named(test: ast.expr) -> tuple[ast.Attribute | ast.Name, ...]:
    """The names in a condition, and the attributes of names and of attributes: asked for each time that it is run."""
    return tuple(
        item
        for item in ast.walk(test)
        if isinstance(item, ast.Name)
        or (isinstance(item, ast.Attribute) and isinstance(item.value, (ast.Name, ast.Attribute)))
    )


def _counters(module: Module) -> frozenset[str]:
    """What a number is added to outside of what builds an object: names of the module, and attributes with a dot."""
    return _moved(module, (ast.operator,))


def _added_to(module: Module) -> frozenset[str]:
    """Those of the counters that are counted on by a sum or a difference."""
    return _moved(module, (ast.Add, ast.Sub))


def _moved(module: Module, operators_: tuple[type[ast.operator], ...]) -> frozenset[str]:
    building = {
        item
        for function in module.file.of(ast.FunctionDef)
        if function.name == "__init__"
        for item in syntax.descendants(function)
        if isinstance(item, (ast.AugAssign, ast.Assign))
    }
    named = {name for node in module.file.of(ast.Global) for name in node.names}
    outside = [item for item in module.file.of(ast.AugAssign) if item not in building]
    moved: list[ast.expr] = [item.target for item in outside if isinstance(item.op, operators_)]
    assigned = [item for item in module.file.of(ast.Assign) if item not in building and _is_of_itself(item)]
    moved += [item.targets[0] for item in assigned if _ends_in(item.value, operators_)]
    attributes = {f".{target.attr}" for target in moved if isinstance(target, ast.Attribute)}
    return frozenset(attributes | {target.id for target in moved if isinstance(target, ast.Name)} & named)


def _ends_in(value: ast.expr, operators_: tuple[type[ast.operator], ...]) -> bool:
    """Whether a value is made by one of some operators, whatever is made of it then by a call."""
    return ast.operator in operators_ or any(
        isinstance(each, ast.BinOp) and isinstance(each.op, operators_) for each in ast.walk(value)
    )


def _is_of_itself(item: ast.Assign) -> bool:
    """Whether what is given to a name or an attribute is made of what it has: `n = n + 1`."""
    target = item.targets[0]
    if len(item.targets) > 1:
        return False
    if isinstance(target, ast.Attribute):
        same = (each for each in ast.walk(item.value) if isinstance(each, ast.Attribute) and each.attr == target.attr)
        return any(ast.unparse(each.value) == ast.unparse(target.value) for each in same)
    return isinstance(target, ast.Name) and any(
        isinstance(each, ast.Name) and each.id == target.id for each in ast.walk(item.value)
    )
