"""What each kind of expression in the source evaluates to."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from vae_checked.linter.interpreter import attributes, operators
from vae_checked.linter.interpreter.builtin_functions import BUILTINS
from vae_checked.linter.interpreter.values import Deferred, External, Function, Scope, Value, as_expr, settle
from vae_checked.linter.symbols.expression import Expr, atom, opaque

if TYPE_CHECKING:
    from vae_checked.linter.interpreter.interpreter import Interpreter

MAX_COMPREHENSION = 48


def _name(interpreter: Interpreter, node: ast.Name, scope: Scope) -> Value:
    name = node.id
    at: Scope | None = scope
    while at is not None:
        names = at.names
        if name in names:
            value = names[name]
            if isinstance(value, Deferred):
                value = settle(names, name)
            return interpreter.path.taken(value) if isinstance(value, Expr) and value.op == "phi" else value
        at = at.parent
    if name in BUILTINS:
        return External(f"builtins.{node.id}")
    return atom(node.id, interpreter.site(node), scope.module.path)


def _attribute(interpreter: Interpreter, node: ast.Attribute, scope: Scope) -> Value:
    owner = interpreter.eval(node.value, scope)
    value = attributes.attribute(interpreter, owner, node.attr, interpreter.site(node))
    return interpreter.path.taken(value) if isinstance(value, Expr) and value.op == "phi" else value


def _call(interpreter: Interpreter, node: ast.Call, scope: Scope) -> Value:
    site = interpreter.site(node)
    if isinstance(node.func, ast.Name) and node.func.id == "super":
        return attributes.super_of(interpreter, scope)
    if isinstance(node.func, ast.Attribute):
        owner = interpreter.eval(node.func.value, scope)
        target = attributes.method(interpreter, owner, node.func.attr, interpreter.site(node.func))
    else:
        target = interpreter.eval(node.func, scope)
    args: list[Value] = []
    for item in node.args:
        if isinstance(item, ast.Starred):
            spread = interpreter.eval(item.value, scope)
            args.extend(operators.spread(interpreter, spread, site))
        else:
            args.append(interpreter.eval(item, scope))
    kwargs: dict[str, Value] = {}
    for keyword in node.keywords:
        value = interpreter.eval(keyword.value, scope)
        if keyword.arg is not None:
            kwargs[keyword.arg] = value
        elif isinstance(value, dict):
            kwargs.update({key: item for key, item in value.items() if isinstance(key, str)})
    result = interpreter.call(target, args, kwargs, site)
    if isinstance(node.func, ast.Attribute) and node.func.attr == "backward" and not node.args:
        interpreter.root(interpreter.eval(node.func.value, scope), "backward", "", node.func.value)
    return result


def _bin_op(interpreter: Interpreter, node: ast.BinOp, scope: Scope) -> Value:
    left, right = interpreter.eval(node.left, scope), interpreter.eval(node.right, scope)
    return operators.binary(node.op, left, right, interpreter.site(node))


def _unary_op(interpreter: Interpreter, node: ast.UnaryOp, scope: Scope) -> Value:
    return operators.unary(node.op, interpreter.eval(node.operand, scope), interpreter.site(node))


def _compare(interpreter: Interpreter, node: ast.Compare, scope: Scope) -> Value:
    values = [interpreter.eval(item, scope) for item in (node.left, *node.comparators)]
    return operators.compare(node.ops, values, interpreter.site(node))


def _bool_op(interpreter: Interpreter, node: ast.BoolOp, scope: Scope) -> Value:
    values = [interpreter.eval(item, scope) for item in node.values]
    return operators.boolean(node.op, values, interpreter.site(node))


def _if_exp(interpreter: Interpreter, node: ast.IfExp, scope: Scope) -> Value:
    test = interpreter.eval(node.test, scope)
    condition = as_expr(test, interpreter.site(node.test))
    truth = operators.truth(test)
    if truth is None:
        truth = interpreter.path.holds(condition)
    if truth is not None:
        return interpreter.eval(node.body if truth else node.orelse, scope)
    with interpreter.path.under(condition, True):
        one = interpreter.eval(node.body, scope)
    with interpreter.path.under(condition, False):
        other = interpreter.eval(node.orelse, scope)
    return operators.merge(condition, one, other)


def _tuple(interpreter: Interpreter, node: ast.Tuple, scope: Scope) -> Value:
    return tuple(_elements(interpreter, node.elts, scope))


def _list(interpreter: Interpreter, node: ast.List, scope: Scope) -> Value:
    return _elements(interpreter, node.elts, scope)


def _elements(interpreter: Interpreter, nodes: Sequence[ast.expr], scope: Scope) -> list[Value]:
    values: list[Value] = []
    for item in nodes:
        if isinstance(item, ast.Starred):
            values.extend(operators.spread(interpreter, interpreter.eval(item.value, scope), interpreter.site(item)))
        else:
            values.append(interpreter.eval(item, scope))
    return values


def _dict(interpreter: Interpreter, node: ast.Dict, scope: Scope) -> Value:
    result: dict[Value, Value] = {}
    for key, item in zip(node.keys, node.values, strict=True):
        value = interpreter.eval(item, scope)
        if key is None:
            if isinstance(value, dict):
                result.update(value)
            continue
        name = interpreter.eval(key, scope)
        if isinstance(name, (str, int, float, bool, type(None))):
            result[name] = value
    return result


def _subscript(interpreter: Interpreter, node: ast.Subscript, scope: Scope) -> Value:
    owner = interpreter.eval(node.value, scope)
    return operators.subscript(interpreter, owner, interpreter.eval(node.slice, scope), interpreter.site(node))


def _slice(interpreter: Interpreter, node: ast.Slice, scope: Scope) -> Value:
    return slice(
        *(None if part is None else interpreter.eval(part, scope) for part in (node.lower, node.upper, node.step))
    )


def _joined(interpreter: Interpreter, node: ast.JoinedStr, scope: Scope) -> Value:
    text = ""
    for part in node.values:
        value = interpreter.eval(part.value if isinstance(part, ast.FormattedValue) else part, scope)
        if not isinstance(value, (str, int, float)):
            return opaque("text", (as_expr(value, interpreter.site(node)),), interpreter.site(node))
        text += str(value)
    return text


def _comprehension(
    interpreter: Interpreter, node: ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp, scope: Scope
) -> Value:
    results: list[Value] = []
    _fill(interpreter, node, 0, Scope({}, scope, scope.module), results)
    if isinstance(node, ast.DictComp):
        return {key: value for key, value in results if isinstance(key, (str, int, float, bool))}
    return results


def _fill(
    interpreter: Interpreter,
    node: ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp,
    depth: int,
    inner: Scope,
    results: list[Value],
) -> None:
    """Put into `results` what the loops of a comprehension yield from the one at `depth` on."""
    if depth == len(node.generators):
        if isinstance(node, ast.DictComp):
            results.append((interpreter.eval(node.key, inner), interpreter.eval(node.value, inner)))
        else:
            results.append(interpreter.eval(node.elt, inner))
        return
    generator = node.generators[depth]
    items = operators.items(interpreter, interpreter.eval(generator.iter, inner), interpreter.site(generator.iter))
    for item in items[:MAX_COMPREHENSION]:
        interpreter.bind(generator.target, item, inner, generator.target)
        if all(operators.truth(interpreter.eval(test, inner)) is not False for test in generator.ifs):
            _fill(interpreter, node, depth + 1, inner, results)


def _lambda(interpreter: Interpreter, node: ast.Lambda, scope: Scope) -> Value:
    return Function(node, scope)


def _named(interpreter: Interpreter, node: ast.NamedExpr, scope: Scope) -> Value:
    value = interpreter.eval(node.value, scope)
    interpreter.bind(node.target, value, scope, node.value)
    return value


def _inner(interpreter: Interpreter, node: ast.Await | ast.Starred | ast.FormattedValue, scope: Scope) -> Value:
    return interpreter.eval(node.value, scope)


EXPRESSIONS: dict[type[ast.expr], Callable[..., Value]] = {
    ast.Constant: lambda interpreter, node, scope: node.value,
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
    ast.DictComp: _comprehension,
    ast.Lambda: _lambda,
    ast.NamedExpr: _named,
    ast.Await: _inner,
    ast.Starred: _inner,
    ast.FormattedValue: _inner,
}
