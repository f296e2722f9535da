"""What is computed under `no_grad`, or behind `set_grad_enabled(False)`: it is handed on without its gradient."""

from __future__ import annotations

import ast

from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter.branches import bound
from vae_checked.linter.symbols.constants import MAX_ITEMS, extent
from vae_checked.linter.symbols.expression import NO_GRAD, Expr, Site, opaque
from vae_checked.linter.symbols.values import External, Scope, Value

_SWITCHES = ("no_grad", "inference_mode")
_SETTING = "set_grad_enabled"
_MAX_NESTED = 4
# What may be no tensor, but something that tensors are taken from: it stays as it is.
_UNKNOWN = frozenset(("const", "atom", "attribute", "batch", "call", "data", "item", "opaque", "shape", "size"))


def is_switched_off_by(value: Value) -> bool:
    """Whether no gradient is recorded inside of a context manager."""
    if isinstance(value, Expr) and value.op == "opaque":
        name = str(value.get("name"))
        return name.endswith(_SWITCHES) or (name.endswith(_SETTING) and bool(value.args) and _is_off(value.args[0]))
    return isinstance(value, External) and value.dotted.endswith(_SWITCHES)


def _is_off(given: Expr) -> bool:
    """Whether a condition does not hold where a model is in training."""
    if given.op == "const":
        return given.value == 0.0
    return given.op == "opaque" and given.get("name") == "not" and given.args[0].op == "training"


def is_set_by(statement: ast.stmt) -> bool:
    """Whether a statement says, of all that follows, whether gradients are recorded."""
    return isinstance(statement, ast.Expr) and _is_setting(statement.value)


def is_switched_off_from(statement: ast.stmt) -> bool:
    """Whether a statement says that no gradient is recorded from there on."""
    return isinstance(statement, ast.Expr) and _is_setting(statement.value, off=True)


def _is_setting(call: ast.expr, *, off: bool = False) -> bool:
    if not isinstance(call, ast.Call) or syntax.called(call) != _SETTING:
        return False
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return not off or (len(given) == 1 and isinstance(given[0], ast.Constant) and given[0].value is False)


def decorator_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.expr | None:
    """The decorator under which a function records no gradient."""
    for item in function.decorator_list:
        target = item.func if isinstance(item, ast.Call) else item
        if getattr(target, "attr", getattr(target, "id", "")) in _SWITCHES or _is_setting(item, off=True):
            return item
    return None


class Held:
    """What the names of a scope, and the attributes of its `self`, stand for before a block."""

    def __init__(self, scope: Scope) -> None:
        self._before = [(names, dict(names)) for names in bound(scope)]

    def detach_new(self, site: Site) -> None:
        """Take its gradient off what names were bound to since."""
        for names, before in self._before:
            for name, value in names.items():
                if value is not before.get(name) and not (name in before and _is_changed_in_place(value)):
                    names[name] = detached(value, site)


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
