"""What each kind of expression in the source evaluates to."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import reduce

from vae_checked.linter.interpreter import attributes, configured, moving, operators, parts
from vae_checked.linter.interpreter.binding import bind
from vae_checked.linter.interpreter.builtin_functions import BUILTINS, is_of_type
from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.interpreter.in_place import as_written
from vae_checked.linter.interpreter.texts import partly_known
from vae_checked.linter.symbols.constants import MAX_ITEMS, is_followed, joined
from vae_checked.linter.symbols.expression import Expr, atom, contains, opaque, strip
from vae_checked.linter.symbols.more_names import MoreNames, source_of
from vae_checked.linter.symbols.places import Grown, is_unknown_item
from vae_checked.linter.symbols.unknown_keys import UnknownKey
from vae_checked.linter.symbols.values import Deferred, External, Function, Key, Scope, Value, as_expr, settle
from vae_checked.linter.torch_model import star_imports
from vae_checked.linter.torch_model.optimizers import BACKWARD

MAX_COMPREHENSION = 48
# What ends the gradients that are added up.
_ENDING = frozenset(("step", "zero_grad"))
_MOST_ADDED = 8
# What is handed a loss, of which nothing is computed: an accelerator, an engine, a trainer; and what is no loss.
_HOLDERS = frozenset(("atom", "attribute", "item", "opaque"))
_GRADIENTS = frozenset(("const", "noise"))
_SCALING = frozenset(("mul", "div", "neg", "cast"))
_SUMS = frozenset(("add", "sub", "phi", "opaque", "call"))
_OF_SEVERAL = External("torch.autograd.backward")
_OF_KINDS = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)


def _constant(context: Context, node: ast.Constant, scope: Scope) -> Value:
    value = node.value
    return opaque("huge", (), context.site(node)) if isinstance(value, int) and not is_followed(value) else value


def _name(context: Context, node: ast.Name, scope: Scope) -> Value:
    name = node.id
    at: Scope | None = scope
    while at is not None:
        names = at.names
        if name in names:
            value = names[name]
            if isinstance(value, Deferred):
                value = settle(names, name)
            if value.__class__ is str and context.supposed:
                return _supposed(context, value)
            if isinstance(value, Expr):
                if value.op == "phi":
                    return context.path.taken(value)
                if value.uid in context.observations.written:
                    return as_written(value, value.site)
            return value
        at = at.parent
    if name in BUILTINS:
        return External(f"builtins.{node.id}")
    package = star_imports.home(name, scope.module.starred) if scope.module.starred else None
    if package is not None:
        return context.imports.known(f"{package}.{name}")
    return atom(node.id, context.site(node), scope.module.path)


def _supposed(context: Context, value: Value) -> Value:
    """What a setting is supposed to be in the place of what it is today."""
    return context.supposed.get(value, value) if isinstance(value, str) else value


def _attribute(context: Context, node: ast.Attribute, scope: Scope) -> Value:
    owner = context.eval(node.value, scope)
    value = attributes.attribute(context, owner, node.attr, context.site(node))
    if value.__class__ is str and context.supposed:
        return _supposed(context, value)
    return context.path.taken(value) if isinstance(value, Expr) and value.op == "phi" else value


def _call(context: Context, node: ast.Call, scope: Scope) -> Value:
    site = context.site(node)
    if isinstance(node.func, ast.Name) and node.func.id == "super":
        return attributes.super_of(context, scope)
    if isinstance(node.func, ast.Attribute):
        owner = context.eval(node.func.value, scope)
        target = attributes.method(context, owner, node.func.attr, context.site(node.func))
    else:
        target = context.eval(node.func, scope)
    args: list[Value] = []
    for item in node.args:
        if isinstance(item, ast.Starred):
            spread = context.eval(item.value, scope)
            args.extend(parts.spread(context, spread, site, target))
        else:
            value = context.eval(item, scope)
            args.append(moving.in_any_turn(context, item, value, scope) if isinstance(target, Function) else value)
    kwargs: dict[str, Value] = {}
    for keyword in node.keywords:
        value = context.eval(keyword.value, scope)
        if keyword.arg is not None:
            is_read = isinstance(target, Function)
            kwargs[keyword.arg] = moving.in_any_turn(context, keyword.value, value, scope) if is_read else value
            continue
        known = value if isinstance(value, dict) else {}
        kwargs.update({key: item for key, item in known.items() if isinstance(key, str)})
        source = source_of(value, site)
        if source is not None:
            kwargs = MoreNames(kwargs, source)
    result = context.call(target, args, kwargs, site)
    if target == _OF_SEVERAL and args:
        for value in args[0] if isinstance(args[0], (list, tuple)) else args[:1]:
            context.root(value, "backward", "", node)
            _add_gradients(context, node)
    elif isinstance(node.func, ast.Attribute) and node.func.attr in BACKWARD and not isinstance(target, Function):
        handed = args[0] if args else kwargs.get("loss")
        is_handed = handed is not None and _is_handed(owner, handed)
        context.root(handed if is_handed else owner, "backward", "", node if is_handed else node.func.value)
        _add_gradients(context, node if is_handed else node.func.value)
    elif isinstance(node.func, ast.Attribute) and node.func.attr in _ENDING and context.frames:
        context.frames[-1].differentiated.clear()
    return result


def _is_handed(owner: Value, argument: Value) -> bool:
    """Whether what is asked to differentiate is handed the loss, as an accelerator is, and no gradient of its own."""
    if not isinstance(owner, Expr):
        return True
    if strip(owner).op not in _HOLDERS or not isinstance(argument, Expr) or strip(argument).op in _GRADIENTS:
        return False
    # What a model makes holds the model, which may be an engine of its own.
    return strip(owner).op == "atom" or not contains(argument, owner.uid)


def _add_gradients(context: Context, node: ast.expr) -> None:
    """Take note of the sum of what was differentiated one after another: its gradients are added up until a step.

    A loss of several terms is one by itself, as each of the parts of a GAN has one.
    """
    if not context.frames:
        return
    earlier, last = context.frames[-1].differentiated, context.observations.roots[-1]
    beside = [root for root in earlier if (root.path, root.loops) == (last.path, last.loops)]
    values = [root.value for root in (*beside, last) if isinstance(root.value, Expr)]
    earlier.append(last)
    apart = len({value.uid for value in values}) == len(values) and not any(map(_is_of_several, values))
    if apart and 1 < len(values) < _MOST_ADDED:
        total = reduce(lambda one, other: Expr("add", (one, other), (), context.site(node)), values)
        context.root(total, "backward", "", node)


def _is_of_several(loss: Expr) -> bool:
    """Whether a loss is a sum of terms, scaled or not, or may be one."""
    while loss.op in _SCALING and loss.args:
        loss = next((arg for arg in loss.args if arg.op != "const"), loss.args[0])
    return loss.op in _SUMS


def _bin_op(context: Context, node: ast.BinOp, scope: Scope) -> Value:
    left, right = context.eval(node.left, scope), context.eval(node.right, scope)
    context.charge(left, right)
    if isinstance(node.op, moving.FACTORS):
        left = moving.in_any_turn(context, node.left, left, scope)
        right = moving.in_any_turn(context, node.right, right, scope)
    return operators.binary(node.op, left, right, context.site(node))


def _unary_op(context: Context, node: ast.UnaryOp, scope: Scope) -> Value:
    return operators.unary(node.op, context.eval(node.operand, scope), context.site(node))


def _compare(context: Context, node: ast.Compare, scope: Scope) -> Value:
    asked = _whose_type(context, node, scope)
    if asked is not None:
        kind = context.eval(node.comparators[0], scope)
        found = is_of_type(context, context.eval(asked, scope), kind, context.site(node))
        negated = isinstance(node.ops[0], (ast.NotEq, ast.IsNot, ast.NotIn))
        return operators.unary(ast.Not(), found, context.site(node)) if negated else found
    values = [context.eval(item, scope) for item in (node.left, *node.comparators)]
    context.charge(*values)
    return operators.compare(node.ops, values, context.site(node))


def _whose_type(context: Context, node: ast.Compare, scope: Scope) -> ast.expr | None:
    """What `type(value) == kind` and its like ask about; None for any other comparison."""
    call = node.left
    if len(node.ops) > 1 or not isinstance(call, ast.Call) or len(call.args) != 1 or call.keywords:
        return None
    if not isinstance(call.func, ast.Name) or call.func.id != "type" or not isinstance(node.ops[0], _OF_KINDS):
        return None
    return call.args[0] if context.eval(call.func, scope) == External("builtins.type") else None


def _bool_op(context: Context, node: ast.BoolOp, scope: Scope) -> Value:
    values = [context.eval(item, scope) for item in node.values]
    context.charge(*values)
    return operators.boolean(node.op, values, context.site(node))


def _if_exp(context: Context, node: ast.IfExp, scope: Scope) -> Value:
    test = moving.asked(context, node.test, scope)
    condition = as_expr(test, context.site(node.test))
    truth = operators.truth(test)
    if truth is None:
        truth = context.path.holds(condition)
    if truth is not None:
        return context.eval(node.body if truth else node.orelse, scope)
    with context.path.under(condition, True):
        one = context.eval(node.body, scope)
    with context.path.under(condition, False):
        other = context.eval(node.orelse, scope)
    return operators.merge(condition, one, other, configured.preferring(context, condition))


def _tuple(context: Context, node: ast.Tuple, scope: Scope) -> Value:
    made = _elements(context, node.elts, scope)
    return opaque("long", (), context.site(node)) if made is None else tuple(made)


def _list(context: Context, node: ast.List | ast.Set, scope: Scope) -> Value:
    made = _elements(context, node.elts, scope)
    return opaque("long", (), context.site(node)) if made is None else made


def _elements(context: Context, nodes: Sequence[ast.expr], scope: Scope) -> list[Value] | None:
    """The items of a list that is written out; None for a table, which is too long to be followed."""
    values: list[Value] = []
    for item in nodes if len(nodes) <= MAX_ITEMS else ():
        if isinstance(item, ast.Starred):
            values.extend(parts.spread(context, context.eval(item.value, scope), context.site(item)))
        else:
            values.append(context.eval(item, scope))
    return values if max(len(values), len(nodes)) <= MAX_ITEMS else None


def _dict(context: Context, node: ast.Dict, scope: Scope) -> Value:
    result: dict[Key, Value] = {}
    if len(node.keys) > MAX_ITEMS:
        return opaque("long", (), context.site(node))
    for key, item in zip(node.keys, node.values, strict=True):
        value = context.eval(item, scope)
        if key is None:
            if isinstance(value, dict):
                context.charge(value)
                result.update(value)
            elif isinstance(value, Expr):
                result[UnknownKey(value)] = value
            continue
        parts.store(result, context.eval(key, scope), value)
    return result


def _subscript(context: Context, node: ast.Subscript, scope: Scope) -> Value:
    owner = context.eval(node.value, scope)
    return parts.subscript(context, owner, context.eval(node.slice, scope), context.site(node))


def _slice(context: Context, node: ast.Slice, scope: Scope) -> Value:
    return slice(*(None if part is None else context.eval(part, scope) for part in (node.lower, node.upper, node.step)))


def _joined(context: Context, node: ast.JoinedStr, scope: Scope) -> Value:
    pieces: list[str] = []
    for part in node.values:
        value = context.eval(part.value if isinstance(part, ast.FormattedValue) else part, scope)
        if not isinstance(value, (str, int, float)):
            last = node.values[-1]
            end = last.value if isinstance(last, ast.Constant) and isinstance(last.value, str) else ""
            return partly_known("".join(pieces)[:MAX_ITEMS], (value,), context.site(node), end[:MAX_ITEMS])
        pieces.append(str(value))
    text = joined(pieces)
    return opaque("long", (), context.site(node)) if text is None else text


class _Turns(Scope):
    """The scope of a comprehension: its targets alone are bound in it, and no name that `:=` gives."""

    __slots__ = ()


def _comprehension(context: Context, node: ast.ListComp | ast.GeneratorExp | ast.SetComp, scope: Scope) -> Value:
    over: list[Value] = []
    turns = _turns(context, node.generators, _Turns({}, scope, scope.module), over)
    made = [context.eval(node.elt, inner) for inner in turns]
    _forget_last(context, node, len(made), scope)
    if len(made) == 1 and not isinstance(node.generators[0].iter, (ast.List, ast.Tuple)):
        with context.turning(1, node):
            context.root(made[0], "kept", "", node.elt)
    return Grown(made) if any(map(is_unknown_item, over)) else made


def _dict_comprehension(context: Context, node: ast.DictComp, scope: Scope) -> Value:
    results: dict[Key, Value] = {}
    turns = _turns(context, node.generators, _Turns({}, scope, scope.module), [])
    made = [(context.eval(node.key, inner), context.eval(node.value, inner)) for inner in turns]
    for key, value in made:
        parts.store(results, key, value)
    _forget_last(context, node, len(made), scope)
    return results


def _forget_last(context: Context, node: ast.expr, turns: int, scope: Scope) -> None:
    """Let no name have the value of a turn before the last, where a comprehension goes round too often to be run."""
    if turns < MAX_COMPREHENSION:
        return
    at = _around(scope)
    for each in ast.walk(node):
        if isinstance(each, ast.NamedExpr):
            at.names[each.target.id] = opaque("turn", (), context.site(each))


def _around(scope: Scope) -> Scope:
    """The scope of the function, class or module around a comprehension, where a name that `:=` gives is bound."""
    while isinstance(scope, _Turns) and scope.parent is not None:
        scope = scope.parent
    return scope


def _turns(
    context: Context, generators: Sequence[ast.comprehension], inner: Scope, over: list[Value]
) -> Iterator[Scope]:
    """The scope of a comprehension once for each turn of its loops, in which their targets are bound.

    What the loops go over is added to `over`.
    """
    if not generators:
        yield inner
        return
    generator = generators[0]
    items = parts.items(context, context.eval(generator.iter, inner), context.site(generator.iter))
    over += items[:1]
    for item in items[:MAX_COMPREHENSION]:
        bind(context, generator.target, item, inner, generator.target)
        if all(operators.truth(context.eval(test, inner)) is not False for test in generator.ifs):
            yield from _turns(context, generators[1:], inner, over)


def _lambda(context: Context, node: ast.Lambda, scope: Scope) -> Value:
    return Function(node, scope)


def _named(context: Context, node: ast.NamedExpr, scope: Scope) -> Value:
    value = context.eval(node.value, scope)
    bind(context, node.target, value, _around(scope), node.value)
    return value


def _inner(context: Context, node: ast.Await | ast.Starred | ast.FormattedValue, scope: Scope) -> Value:
    return context.eval(node.value, scope)


def _yield(context: Context, node: ast.Yield, scope: Scope) -> Value:
    _give(context, [None if node.value is None else context.eval(node.value, scope)])
    return opaque("sent", (), context.site(node))


def _yield_from(context: Context, node: ast.YieldFrom, scope: Scope) -> Value:
    site = context.site(node)
    _give(context, parts.items(context, context.eval(node.value, scope), site))
    return opaque("sent", (), site)


def _give(context: Context, values: list[Value]) -> None:
    """Keep what the generator that is being run yields."""
    frame = context.frames[-1]
    known = frame.yielded or []
    frame.yielded = [*known, *values][:MAX_ITEMS]


EXPRESSIONS: dict[type[ast.expr], Callable[..., Value]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.BinOp: _bin_op,
    ast.UnaryOp: _unary_op,
    ast.Compare: _compare,
    ast.BoolOp: _bool_op,
    ast.IfExp: _if_exp,
    ast.Tuple: _tuple,
    ast.List: _list,
    ast.Set: _list,
    ast.Dict: _dict,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.JoinedStr: _joined,
    ast.ListComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.SetComp: _comprehension,
    ast.DictComp: _dict_comprehension,
    ast.Lambda: _lambda,
    ast.NamedExpr: _named,
    ast.Await: _inner,
    ast.Starred: _inner,
    ast.FormattedValue: _inner,
    ast.Yield: _yield,
    ast.YieldFrom: _yield_from,
}
