"""What is computed under `no_grad`, or behind `set_grad_enabled(False)`: it is handed on without its gradient."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence

from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter.branches import bound
from vae_checked.linter.interpreter.context import Context, Ending, Outcome
from vae_checked.linter.symbols.constants import MAX_ITEMS, extent
from vae_checked.linter.symbols.expression import NO_GRAD, Expr, Site, called_name, opaque
from vae_checked.linter.symbols.values import External, Function, Instance, Scope, Value

_SWITCHES = ("no_grad", "inference_mode")
_BY_MODE = "inference_mode"
# What sets it for all that follows, and the call that torch's own classes make of it.
_SETTINGS = ("set_grad_enabled", "_set_grad_enabled")
_ENTERING, _LEAVING = ("__enter__", "enter_context"), ("__exit__", "close")
_MAX_NESTED = 4
# What may be no tensor, but something that tensors are taken from: it stays as it is.
_UNKNOWN = frozenset(("const", "atom", "attribute", "batch", "call", "data", "item", "opaque", "shape", "size"))


def is_switched_off_by(value: Value) -> bool:
    """Whether no gradient is recorded inside of a context manager; of two that a model's mode chooses, in training."""
    if isinstance(value, Expr) and value.op == "phi" and value.args[0].op == "training":
        return is_switched_off_by(value.args[1])
    if isinstance(value, Expr) and value.op == "opaque":
        name = called_name(value)
        if name in _SETTINGS:
            return bool(value.args) and _is_off(value.args[0])
        return name in _SWITCHES and not (name == _BY_MODE and value.args and not _is_on(value.args[0]))
    if isinstance(value, Instance):
        entering = value.cls.find("__enter__")
        return isinstance(entering, Function) and _leaves_off(entering.node)
    return isinstance(value, External) and value.dotted.rpartition(".")[2] in _SWITCHES


def is_switched_on_by(value: Value) -> bool:
    """Whether a context manager has gradients recorded again, inside of one that has not."""
    if not isinstance(value, Expr) or value.op != "opaque":
        return False
    name, given = called_name(value), value.args
    if name == _BY_MODE:
        return bool(given) and _is_off(given[0])
    return name == "enable_grad" or (name in _SETTINGS and bool(given) and _is_on(given[0]))


def _is_off(given: Expr) -> bool:
    """Whether a condition does not hold where a model is in training."""
    if given.op == "const":
        return given.value == 0.0
    return given.op == "opaque" and given.get("name") == "not" and given.args[0].op == "training"


def _is_on(given: Expr) -> bool:
    """Whether a condition holds where a model is in training."""
    return given.op == "training" or (given.op == "const" and given.value != 0.0)


def is_entered_off(function: Value) -> bool:
    """Whether what stands at the `yield` of a project's own context manager is run under a switch, on each way."""
    node = function.node if isinstance(function, Function) else None
    if not isinstance(node, syntax.DEFINITIONS):
        return False
    for statement in node.body:
        held = isinstance(statement, ast.With) and any(_is_switch(item.context_expr) for item in statement.items)
        if held and any(isinstance(each, ast.Yield) for each in syntax.descendants(statement)):
            return True
    yielding = next((at for at, each in enumerate(node.body) if _yields(each)), 0)
    return _are_left_off(node.body[:yielding])


def _yields(statement: ast.stmt) -> bool:
    return any(isinstance(each, ast.Yield) for each in syntax.descendants(statement))


def _is_switch(written: ast.expr) -> bool:
    """Whether a decorator or a context manager, as it is written, switches gradients off."""
    if _is_setting(written, off=True):
        return True
    name = syntax.last(written.func if isinstance(written, ast.Call) else written)
    return name in _SWITCHES and not (name == _BY_MODE and _gives(written) not in ([], [True]))


def _leaves_off(function: ast.AST) -> bool:
    """Whether a function switches gradients off, whatever it is given, and leaves them so."""
    return isinstance(function, syntax.DEFINITIONS) and _are_left_off(function.body)


def _are_left_off(statements: Sequence[ast.stmt]) -> bool:
    last = next((each for each in reversed(statements) if is_set_by(each)), None)
    return last is not None and _is_setting(_given(last), off=True)


def _given(statement: ast.stmt) -> ast.expr | None:
    return statement.value if isinstance(statement, (ast.Expr, ast.Assign, ast.AnnAssign)) else None


def is_set_by(statement: ast.stmt) -> bool:
    """Whether a statement says, of all that follows, whether gradients are recorded."""
    return _is_setting(_given(statement))


def is_switched_on_from(statement: ast.stmt) -> bool:
    """Whether a statement says that gradients are recorded from there on."""
    call = _given(statement)
    return call is not None and _is_setting(call) and _gives(call) == [True]


def ends(statement: ast.stmt, switch: ast.stmt) -> bool:
    """Whether a statement says anew whether gradients are recorded, or leaves what the switch has entered.

    `guard.__exit__(None, None, None)`, `stack.close()`.
    """
    call, entering = _given(statement), _given(switch)
    entered = isinstance(entering, ast.Call) and syntax.called(entering) in _ENTERING
    return _is_setting(call) or (entered and isinstance(call, ast.Call) and syntax.called(call) in _LEAVING)


def is_switched_off_from(context: Context, statement: ast.stmt, following: Sequence[ast.stmt], scope: Scope) -> bool:
    """Whether a statement says that no gradient is recorded from there on.

    A switch that has a name, by which a later block is entered, is undone behind that block.
    """
    call = _given(statement)
    if not isinstance(call, ast.Call):
        return False
    if _is_setting(call, off=True):
        names = {target.id for target in getattr(statement, "targets", ()) if isinstance(target, ast.Name)}
        nodes = (node for each in following if names for node in syntax.descendants(each))
        blocks = (node for node in nodes if isinstance(node, ast.With))
        return not any(getattr(item.context_expr, "id", None) in names for block in blocks for item in block.items)
    if isinstance(call.func, ast.Attribute) and call.func.attr in _ENTERING:
        entered = call.args[0] if call.args else call.func.value
        return not isinstance(entered, ast.Starred) and is_switched_off_by(context.eval(entered, scope))
    called = call.func.id if isinstance(call.func, ast.Name) else ""
    function = next((at.names[called] for at in _around(scope) if called in at.names), None)
    return isinstance(function, Function) and _leaves_off(function.node)


def _around(scope: Scope) -> Iterator[Scope]:
    at: Scope | None = scope
    while at is not None:
        yield at
        at = at.parent


def _is_setting(call: ast.expr | None, *, off: bool = False) -> bool:
    if not isinstance(call, ast.Call) or syntax.called(call) not in _SETTINGS:
        return False
    return not off or _gives(call) == [False]


def _gives(call: ast.expr) -> list[object]:
    """What a call is given, None for what is no constant."""
    given = [*call.args, *(keyword.value for keyword in call.keywords)] if isinstance(call, ast.Call) else []
    return [each.value if isinstance(each, ast.Constant) else None for each in given]


def decorator_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.expr | None:
    """The decorator under which a function records no gradient."""
    return next(filter(_is_switch, function.decorator_list), None)


class Held:
    """What the names of a scope, and the attributes of its `self`, stand for before a block."""

    def __init__(self, scope: Scope) -> None:
        self._before = [(names, dict(names)) for names in bound(scope)]

    def detach_new(self, site: Site, but: Collection[int]) -> None:
        """Take its gradient off what names were bound to since, `but` the values of these numbers."""
        for names, before in self._before:
            for name, value in names.items():
                if isinstance(value, Expr) and value.uid in but:
                    continue
                if value is not before.get(name) and not (name in before and _is_changed_in_place(value)):
                    names[name] = detached(value, site)

    def new(self, result: Outcome) -> Iterator[int]:
        """The numbers of the values that names were bound to since, and of what a block returns."""
        for names, before in self._before:
            changed = (value for name, value in names.items() if value is not before.get(name))
            yield from (value.uid for value in changed if isinstance(value, Expr))
        yield from (each.uid for each in (result if isinstance(result, tuple) else (result,)) if isinstance(each, Expr))


def handed_on(context: Context, result: Outcome, site: Site) -> Outcome:
    """What a block returns under a switch at `site`: without its gradient, unless that was switched on again."""
    values, regained = result if isinstance(result, tuple) else (result,), context.observations.regained
    if isinstance(result, Ending) or any(isinstance(each, Expr) and each.uid in regained for each in values):
        return result
    return detached(result, site)


def _is_changed_in_place(value: Value) -> bool:
    """Whether a tensor was given other values, as by `z.clamp_(-1, 1)`: what it is computed from stays as it was."""
    written = value.site.node if isinstance(value, Expr) and value.site is not None else None
    called = written.func if isinstance(written, ast.Call) else None
    return isinstance(called, ast.Attribute) and called.attr.endswith("_") and not called.attr.endswith("__")


def detached(value: Value, site: Site | None, depth: int = 0) -> Value:
    """A value that operations made, and what a tuple, a list or a dict holds of such, without its gradient.

    `site` is where the gradient is switched off; without one each value stays where it is written.
    """
    if isinstance(value, Expr):
        return value if value.op in _UNKNOWN else Expr("detach", (value,), (("known", NO_GRAD),), site or value.site)
    if depth == 0 and extent(value) >= MAX_ITEMS:
        return opaque("long", (), site)
    if depth < _MAX_NESTED and type(value) is tuple:
        return tuple(detached(item, site, depth + 1) for item in value)
    if depth < _MAX_NESTED and type(value) is list:
        return [detached(item, site, depth + 1) for item in value]
    if depth < _MAX_NESTED and type(value) is dict:
        return {key: detached(item, site, depth + 1) for key, item in value.items()}
    return value
