"""Expressions that stand as statements: calls in place, and what is only looked at."""

from __future__ import annotations

import ast

from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter import in_place
from vae_checked.linter.interpreter.binding import bind
from vae_checked.linter.interpreter.context import NOTHING, Context, Outcome
from vae_checked.linter.symbols.expression import DRAWN, Expr
from vae_checked.linter.symbols.registered import is_learned
from vae_checked.linter.symbols.values import External, Loader, Scope, Value
from vae_checked.linter.torch_model import noise

# Methods in place after which nothing is left of what a tensor held.
_REPLACING = frozenset("fill_ zero_ copy_ normal_ uniform_".split())


def run(context: Context, node: ast.Expr, scope: Scope) -> Outcome:
    """Evaluate an expression; what is changed in place is bound anew."""
    call = node.value
    if isinstance(call, ast.Constant):
        return NOTHING
    value = context.eval(call, scope)
    filled = _filled_by_init(context, call, value, scope)
    if filled is not None:
        bind(context, syntax.as_store(filled), value, scope, call)
        return NOTHING
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
        name = call.func.attr
        is_changed = in_place.is_in_place(name) and isinstance(value, Expr)
        is_changed |= name == "set_transform" and isinstance(value, Loader)
        is_changed |= name == "register_hook" and isinstance(value, Expr) and value.op == "detach"
        changed = _changed(call.func.value)
        if name in _REPLACING:
            changed = _refilled(changed)
        if is_changed and isinstance(changed, (ast.Name, ast.Attribute)):
            held = context.eval(changed, scope)
            if isinstance(held, Expr) and is_learned(held) and name in _REPLACING:
                # Its first values: it is learned from there on.
                return NOTHING
            if isinstance(held, Expr) and in_place.is_of_values(name):
                in_place.into(context, held, scope, context.site(call))
            if not isinstance(held, External):
                bind(context, syntax.as_store(changed), value, scope, call)
                return NOTHING
    renewed = in_place.by_call(context, call, value, scope) if isinstance(call, ast.Call) else None
    if renewed is not None:
        bind(context, syntax.as_store(renewed), value, scope, call)
        return NOTHING
    context.root(value, "expr", "", node.value)
    return NOTHING


def _filled_by_init(context: Context, call: ast.expr, value: Value, scope: Scope) -> ast.Name | None:
    """The name of a fresh tensor that `nn.init.normal_(eps)` writes a draw over, or of a draw that is written over."""
    if not isinstance(call, ast.Call) or not isinstance(value, Expr) or not syntax.called(call).endswith("_"):
        return None
    named = syntax.given(call, 0, "tensor")
    held = named[0] if named else None
    target = context.eval(call.func, scope)
    if not isinstance(held, ast.Name) or not isinstance(target, External) or not noise.fills(target.dotted):
        return None
    before = scope.names.get(held.id)
    return held if value.op == "noise" or (isinstance(before, Expr) and before.bits & DRAWN) else None


def _refilled(changed: ast.expr) -> ast.expr:
    """What a method in place under `.data` leaves nothing of: a tensor by its own name, as in `label.data.fill_(1)`.

    Or under `.detach()`. What belongs to a model gets its first values so.
    """
    under = changed
    if isinstance(changed, ast.Call) and isinstance(changed.func, ast.Attribute) and changed.func.attr == "detach":
        under = changed.func.value
    elif isinstance(changed, ast.Attribute) and changed.attr == "data":
        under = changed.value
    return under if isinstance(under, ast.Name) else changed


def _changed(owner: ast.expr) -> ast.expr:
    """What a method in place changes: that of `x.sub_(m).div_(s)` changes `x`."""
    node = owner
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and in_place.is_in_place(node.func.attr):
        node = node.func.value
    return node
