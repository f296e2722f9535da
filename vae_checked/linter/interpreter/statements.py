"""What each kind of statement does, and blocks of them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter import (
    branches,
    checked_ranges,
    configured,
    deletions,
    expression_statements,
    import_statements,
    in_place,
    loops,
    moving,
    operators,
    parts,
    patterns,
    refusals,
    settings,
    ways,
    while_loops,
    without_gradient,
)
from vae_checked.linter.interpreter.binding import bind
from vae_checked.linter.interpreter.context import NOTHING, RAISED, Context, Ending, Outcome
from vae_checked.linter.interpreter.entered import entered
from vae_checked.linter.interpreter.kinds import is_module
from vae_checked.linter.symbols.constants import MAX_ITEMS
from vae_checked.linter.symbols.expression import Expr, Site, atom
from vae_checked.linter.symbols.places import unknown_item
from vae_checked.linter.symbols.turns import any_turn
from vae_checked.linter.symbols.values import (
    Class,
    Deferred,
    Function,
    Instance,
    Module,
    Scope,
    Value,
    as_expr,
    is_number,
)

# The turns of one loop over numbers, or over other items, that are run one by one, and of loops inside of one another
# together.
MAX_UNROLL, MAX_UNROLL_ITEMS, MAX_UNROLL_NESTED = 12, 48, 256


def run_block(context: Context, statements: Sequence[ast.stmt], scope: Scope) -> Outcome:
    """Run statements in order; the value returned, or NOTHING, or RAISED."""
    for index, statement in enumerate(statements):
        if isinstance(statement, (ast.If, ast.Match)):
            rest = statements[index + 1 :]
            if isinstance(statement, ast.If):
                done, result = _if(context, statement, rest, scope)
            else:
                done, result = _match(context, statement, rest, scope)
            if done:
                return result
            continue
        result = run_statement(context, statement, scope)
        if result is not NOTHING:
            return result
        rest = statements[index + 1 :]
        if rest and without_gradient.is_switched_off_from(context, statement, rest, scope):
            return _run_without_gradient(context, statement, rest, scope)
        if rest and context.gradient_is_off and without_gradient.is_switched_on_from(statement):
            return _block_with_gradient(context, rest, scope)
    return NOTHING


def _run_without_gradient(context: Context, switch: ast.stmt, statements: Sequence[ast.stmt], scope: Scope) -> Outcome:
    """Run what follows a statement that switches gradients off, up to the one that says anew whether they are on."""
    until = next((at for at, each in enumerate(statements) if without_gradient.ends(each, switch)), len(statements))
    result = _block_without_gradient(context, statements[:until], switch, scope)
    return run_block(context, statements[until:], scope) if result is NOTHING else result


def _if(context: Context, node: ast.If, rest: Sequence[ast.stmt], scope: Scope) -> tuple[bool, Outcome]:
    """Run an if statement; (True, value) when it settles what the block returns."""
    context.begin(node)
    test = moving.asked(context, node.test, scope)
    truth, condition = operators.truth(test), None
    if truth is None:
        condition = as_expr(test, context.site(node.test))
        truth = context.path.holds(condition)
    if truth is not None and ways.is_left_out(context, node, truth, rest, scope):
        if context.goes_both_ways:
            truth, condition = None, atom("either", context.site(node.test))
        else:
            context.observations.left_out = True
    if truth is not None or condition is None:
        if isinstance(node.test, ast.Compare):
            settings.note_skipped(context, node, bool(truth), scope)
        result = run_block(context, node.body if truth else node.orelse, scope)
        return result is not NOTHING, result
    if not node.orelse and isinstance(node.body[0], ast.Raise):
        # A check of what was given: whoever passes it goes on with what is bound.
        refusals.note(context, condition, True)
        checked_ranges.leave_open(context, node.test, scope)
        return False, NOTHING
    one = partial(run_block, context, node.body, scope)
    other = partial(run_block, context, node.orelse, scope)
    return _either(context, condition, one, other, rest, scope, context.site(node))


def _either(
    context: Context,
    condition: Expr,
    body: Callable[[], Outcome],
    orelse: Callable[[], Outcome],
    rest: Sequence[ast.stmt],
    scope: Scope,
    site: Site,
) -> tuple[bool, Outcome]:
    """Run both ways through an unknown condition; (True, value) when they settle what the block returns."""
    tables = context.observations.put_in
    before, prefer = branches.save(scope, tables), configured.preferring(context, condition)
    with context.path.under(condition, True):
        one = body()
    after_one, by_one = branches.save(scope, tables), branches.of_self(scope)
    branches.restore(before)
    with context.path.under(condition, False):
        other = orelse()
    if one is RAISED:
        refusals.note(context, condition, True)
        return other is not NOTHING, other
    if other is RAISED:
        refusals.note(context, condition, False)
        branches.restore(after_one)
        return one is not NOTHING, one
    if one is NOTHING and other is NOTHING:
        branches.merge(condition, before, after_one, site, prefer, configured.noting(context, condition))
        return False, NOTHING
    if not isinstance(one, Ending) and not isinstance(other, Ending):
        branches.keep_returned(condition, scope, before, by_one, True, prefer)
        return True, operators.merge(condition, one, other, prefer)
    returned = by_one
    if one is NOTHING:
        returned = branches.of_self(scope)
        branches.restore(after_one)
    with context.path.under(condition, one is NOTHING):
        then = run_block(context, rest, scope)
    if then is not RAISED:
        branches.keep_returned(condition, scope, before, returned, one is not NOTHING, prefer)
    first, second = (then, other) if one is NOTHING else (one, then)
    return True, _join(condition, first, second, prefer)


def _match(context: Context, node: ast.Match, rest: Sequence[ast.stmt], scope: Scope) -> tuple[bool, Outcome]:
    """Run a match statement: as `_if`, one condition after the other."""
    context.begin(node)
    return _cases(context, node.cases, context.eval(node.subject, scope), rest, scope)


def _cases(
    context: Context, cases: Sequence[ast.match_case], subject: Value, rest: Sequence[ast.stmt], scope: Scope
) -> tuple[bool, Outcome]:
    if not cases:
        return False, NOTHING
    case, others = cases[0], cases[1:]
    test = patterns.fits(context, case, subject, scope)
    site = context.site(case.pattern)
    condition = as_expr(test, site)
    truth = operators.truth(test)
    truth = context.path.holds(condition) if truth is None else truth
    if truth is False:
        return _cases(context, others, subject, rest, scope)
    body = partial(run_block, context, case.body, scope)
    if truth:
        result = body()
        return result is not NOTHING, result
    return _either(context, condition, body, lambda: _cases(context, others, subject, (), scope)[1], rest, scope, site)


def _join(condition: Expr, one: Outcome, other: Outcome, prefer: operators.Prefer) -> Outcome:
    if isinstance(one, Ending):
        return other if other is not NOTHING else None
    if isinstance(other, Ending):
        return one
    return operators.merge(condition, one, other, prefer)


def run_statement(context: Context, node: ast.stmt, scope: Scope) -> Outcome:
    """Run one statement; the value returned, or NOTHING, or RAISED."""
    context.begin(node)
    handler = _STATEMENTS.get(type(node))
    return NOTHING if handler is None else handler(context, node, scope)


def _assign(context: Context, node: ast.Assign, scope: Scope) -> Outcome:
    value = context.eval(node.value, scope)
    for target in node.targets:
        bind(context, target, value, scope, node.value)
    return NOTHING


def _ann_assign(context: Context, node: ast.AnnAssign, scope: Scope) -> Outcome:
    if node.value is not None:
        bind(context, node.target, context.eval(node.value, scope), scope, node.value)
    return NOTHING


def _aug_assign(context: Context, node: ast.AugAssign, scope: Scope) -> Outcome:
    load = ast.copy_location(syntax.as_load(node.target), node.target)
    left, right = context.eval(load, scope), context.eval(node.value, scope)
    site = context.site(node)
    if isinstance(left, list) and isinstance(right, (list, tuple)):
        left.extend(right[: max(0, MAX_ITEMS - len(left))])
        return NOTHING
    value = operators.binary(node.op, left, right, site)
    if isinstance(left, Expr) and not isinstance(node.target, ast.Subscript):
        in_place.by_operator(context, left, scope, site)
    bind(context, node.target, value, scope, node)
    return NOTHING


def _return(context: Context, node: ast.Return, scope: Scope) -> Outcome:
    value = None if node.value is None else context.eval(node.value, scope)
    context.root(value, "return", "", node.value or node)
    return value


def _function(context: Context, node: syntax.Definition, scope: Scope) -> Outcome:
    made = Function(node, scope)
    scope.names[node.name] = made
    if scope.parent is None:
        context.project_observations.note_definition(made)
    elif context.frames[-1].function is not None:
        context.observations.inner[id(node)] = made
    _register(context, node, made, scope)
    return NOTHING


def _class(context: Context, node: ast.ClassDef, scope: Scope) -> Outcome:
    bases = tuple(context.eval(base, scope) for base in node.bases if not isinstance(base, ast.Starred))
    inner = Scope({}, scope, scope.module)
    cls = Class(node, scope, bases, inner.names)
    for statement in node.body:
        run_statement(context, statement, inner)
    for value in inner.names.values():
        if isinstance(value, Function) and value.owner is None:
            value.owner = cls
            # A method's free names are looked up around the class, never in it.
            value.scope = scope
    context.project_observations.shared_tables.note(inner.names.values(), objects=True)
    scope.names[node.name] = cls
    _register(context, node, cls, scope)
    return NOTHING


def _register(
    context: Context, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, made: Value, scope: Scope
) -> None:
    """Hand what a module defines to the project's own decorators of it, which may keep it under a name."""
    if scope.parent is not None:
        return
    for decorator in reversed(node.decorator_list):
        if _is_own(decorator, scope):
            target = context.eval(decorator, scope)
            if isinstance(target, Function):
                context.call(target, [made], {}, context.site(decorator))


def _is_own(decorator: ast.expr, scope: Scope) -> bool:
    """Whether a decorator is one of the project, as far as the import of its name tells."""
    while isinstance(decorator, (ast.Call, ast.Attribute)):
        decorator = decorator.func if isinstance(decorator, ast.Call) else decorator.value
    value = scope.names.get(decorator.id) if isinstance(decorator, ast.Name) else None
    if isinstance(value, Deferred):
        return value.dotted.partition(".")[0] not in sys.stdlib_module_names
    return isinstance(value, (Function, Instance, Module, Class))


def _for(context: Context, node: ast.For | ast.AsyncFor, scope: Scope) -> Outcome:
    iterable = context.eval(node.iter, scope)
    items = parts.items(context, iterable, context.site(node.iter))
    first, trains, nested = next(iter(items), None), syntax.trains(node), len(items) * context.turns > MAX_UNROLL_NESTED
    counts, open_ended = is_number(first), parts.is_counted(first)
    picks = (
        not trains
        and (open_ended or (counts and (nested or len(items) > MAX_UNROLL)))
        and loops.picks_a_kind(context, node, scope)
    )
    many = nested or len(items) > (MAX_UNROLL if counts and not picks else MAX_UNROLL_ITEMS)
    if len(items) > 1 and many and not trains and is_module(first):
        # Each does something else to what it is given, and the last one decides what comes out.
        items = [unknown_item(iterable, context.site(node.iter))]
    elif picks and (open_ended or (len(items) > 1 and many)):
        items = [any_turn(context.site(node.iter))]
    elif len(items) > 1 and (many or trains):
        items = [parts.any_item(items, context.site(node.iter))]
    # Of a loop whose length is not known, one turn stands for all but the last, which decides how a network ends. One
    # that trains is in no turn what it is in another: a term may be held back in the first.
    asked = loops.first_and_last(context, node, scope) if len(items) == 1 and not trains else None
    items = items if trains or asked is not None else loops.counted_any_turn(context, node, items)
    count = max(1, len(items)) if asked is None else 2
    sweep = loops.Sweep(context, scope, len(items))
    with context.turning(count, node if len(items) == 1 and not isinstance(node.iter, (ast.List, ast.Tuple)) else None):
        for turn, item in enumerate(items if asked is None else [*items, *items]):
            bind(context, node.target, item, scope, node.target)
            if trains:
                moving.let_move(context, node, scope)
            if asked is not None:
                bind(context, asked[0], asked[1][turn], scope, node.target)
            result = _loop_body(context, node.body, scope)
            if result is not NOTHING and result is not RAISED:
                return result
            if sweep.is_left_after(turn + 1):
                break
    return run_block(context, node.orelse, scope)


def _while(context: Context, node: ast.While, scope: Scope) -> Outcome:
    trains, most = syntax.trains(node), min(MAX_UNROLL, MAX_UNROLL_NESTED // context.turns)
    count = None if trains else while_loops.turns(context, node, scope, most)
    if count:
        return _counted_while(context, node, count, scope)
    context.eval(node.test, scope)
    before = {name: scope.names.get(name) for name in syntax.asked_for_axes(node.test)}
    lengths = loops.lengths_of_lists(scope)
    if trains:
        moving.let_move(context, node, scope)
    while_loops.count_any_turn(context, node, scope, trains=trains)
    with context.turning(1, node):
        result = _loop_body(context, node.body, scope)
    loops.leave_lengths_open(scope, lengths)
    for name, value in before.items():
        if isinstance(value, Expr) and scope.names[name] is not value:
            # How often it is reduced depends on its axes: perhaps never.
            scope.names[name] = Expr("sum", (value,), (("axes", "unknown"), ("keepdim", False)), context.site(node))
    return result


def _counted_while(context: Context, node: ast.While, count: int, scope: Scope) -> Outcome:
    with context.turning(count):
        for _ in range(count):
            context.eval(node.test, scope)
            result = _loop_body(context, node.body, scope)
            if result is not NOTHING and result is not RAISED:
                return result
    return run_block(context, node.orelse, scope)


def _loop_body(context: Context, body: Sequence[ast.stmt], scope: Scope) -> Outcome:
    return run_block(context, [item for item in body if not isinstance(item, (ast.Break, ast.Continue))], scope)


def _with(context: Context, node: ast.With | ast.AsyncWith, scope: Scope) -> Outcome:
    off: ast.expr | None = None
    is_on = False
    with ExitStack() as around:
        for item in node.items:
            value = context.eval(item.context_expr, scope)
            if without_gradient.is_switched_off_by(value) or _is_own_switch(context, item.context_expr, value, scope):
                off = item.context_expr
            is_on = is_on or (off is None and without_gradient.is_switched_on_by(value))
            around.enter_context(entered(context, value, context.site(item.context_expr)))
            if item.optional_vars is not None:
                bind(context, item.optional_vars, value, scope, item.context_expr)
        if off is not None:
            return _block_without_gradient(context, node.body, off, scope)
        if is_on and context.gradient_is_off:
            return _block_with_gradient(context, node.body, scope)
        return run_block(context, node.body, scope)


def _is_own_switch(context: Context, written: ast.expr, value: Value, scope: Scope) -> bool:
    # A context manager of the project is a generator, which was not followed.
    if value is not None or not isinstance(written, ast.Call):
        return False
    return without_gradient.is_entered_off(context.eval(written.func, scope))


def _block_without_gradient(context: Context, body: Sequence[ast.stmt], off: ast.AST, scope: Scope) -> Outcome:
    held = without_gradient.Held(scope)
    with context.gradient(off=True):
        result = run_block(context, body, scope)
    held.detach_new(context.site(off), context.observations.regained)
    return without_gradient.handed_on(context, result, context.site(off))


def _block_with_gradient(context: Context, body: Sequence[ast.stmt], scope: Scope) -> Outcome:
    """Run a block that has its gradients inside of one that has none: what it binds and returns keeps them."""
    held = without_gradient.Held(scope)
    with context.gradient(off=False):
        result = run_block(context, body, scope)
    context.observations.regained.update(held.new(result))
    return result


def _try(context: Context, node: ast.Try, scope: Scope) -> Outcome:
    with refusals.handled(context, node):
        result = run_block(context, node.body, scope)
    if result is RAISED and node.handlers:
        result = run_block(context, node.handlers[0].body, scope)
    elif result is NOTHING:
        # Names and attributes that only a handler binds (import fallbacks) are wanted too.
        for handler in node.handlers:
            with branches.kept(scope):
                run_block(context, handler.body, scope)
        result = run_block(context, node.orelse, scope)
    last = run_block(context, node.finalbody, scope)
    return result if last is NOTHING else last


def _raise(context: Context, node: ast.Raise, scope: Scope) -> Outcome:
    return RAISED


def _assert(context: Context, node: ast.Assert, scope: Scope) -> Outcome:
    if isinstance(node.test, ast.Constant) and not node.test.value:
        # `assert False` stands where nobody is to come by.
        return RAISED
    refusals.note_assertion(context, node, scope)
    checked_ranges.leave_open(context, node.test, scope)
    return NOTHING


def _if_statement(context: Context, node: ast.If, scope: Scope) -> Outcome:
    return _if(context, node, (), scope)[1]


def _match_statement(context: Context, node: ast.Match, scope: Scope) -> Outcome:
    return _match(context, node, (), scope)[1]


_STATEMENTS: dict[type[ast.stmt], Callable[..., Outcome]] = {
    ast.Assign: _assign,
    ast.AnnAssign: _ann_assign,
    ast.AugAssign: _aug_assign,
    ast.Return: _return,
    ast.Delete: deletions.run,
    ast.Expr: expression_statements.run,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.Import: import_statements.modules,
    ast.ImportFrom: import_statements.names,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Try: _try,
    ast.Raise: _raise,
    ast.Assert: _assert,
    ast.If: _if_statement,
    ast.Match: _match_statement,
}
