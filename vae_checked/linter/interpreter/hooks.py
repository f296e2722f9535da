"""Hooks that code puts around the forward pass of a module: what they return takes the place of what it is given."""

from __future__ import annotations

import ast

from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.interpreter.in_place import as_written
from vae_checked.linter.symbols.expression import Expr, Site, opaque
from vae_checked.linter.symbols.observations import Hook
from vae_checked.linter.symbols.values import Function, Instance, Layer, Value, number_of
from vae_checked.linter.symbols.values import Sequence as Layers

_AFTER, _BEFORE = "register_forward_hook", "register_forward_pre_hook"
_OF_ALL = {"register_module_forward_hook": _AFTER, "register_module_forward_pre_hook": _BEFORE}
# What code calls for what it does, not for what it gives.
_KEEPING = frozenset("append print update extend add insert put setdefault setattr info debug log write".split())
_MAX_HOOKS = 8


def register(
    context: Context, owner: Value, name: str, args: list[Value], kwargs: dict[str, Value], site: Site
) -> None:
    """Take note of a hook, where a method of this name puts one around a module.

    If that is not known, it may be any of those that are run along with it.
    """
    hook = args[0] if args else kwargs.get("hook")
    if name in (_AFTER, _BEFORE) and _may_return(hook):
        module = owner if isinstance(owner, (Instance, Layer, Layers)) else None
        hooked = context.project_observations.hooked
        known = context.observations.hooked if module is None else hooked.setdefault(id(module), [])
        if len(known) < _MAX_HOOKS:
            known.append(Hook(module, hook, is_before=name == _BEFORE))
    if name == "apply" and isinstance(hook, Function) and any(map(_registers, syntax.descendants(hook.node))):
        # Each module in another one is handed to what puts a hook around it.
        context.invoke(hook, [opaque("module", (), site)], {}, site)


def register_for_all(context: Context, dotted: str, args: list[Value], kwargs: dict[str, Value]) -> None:
    """Take note of a hook that torch puts around every module."""
    name, hook = _OF_ALL.get(dotted.rpartition(".")[2]), args[0] if args else kwargs.get("hook")
    if name is not None and _may_return(hook):
        known = context.project_observations.hooked.setdefault(None, [])
        if len(known) < _MAX_HOOKS:
            known.append(Hook(None, hook, is_before=name == _BEFORE))


def before(context: Context, module: Value, args: list[Value], site: Site) -> list[Value]:
    """What a module is handed once the hooks in front of it have run."""
    for hook in _around(context, module):
        if hook.is_before:
            made = _made(context, hook, [module, tuple(args)], site)
            if made is not None:
                args = list(made) if isinstance(made, tuple) else [made]
            elif not isinstance(hook.function, Function) or hook.module is None:
                args = [unknown(each, site) for each in args]
    return args


def after(context: Context, module: Value, args: list[Value], value: Value, site: Site) -> Value:
    """What a module gives once the hooks behind it have run."""
    for hook in _around(context, module):
        if not hook.is_before:
            made = _made(context, hook, [module, tuple(args), value], site)
            is_read = isinstance(hook.function, Function) and hook.module is not None
            value = made if made is not None else value if is_read else unknown(value, site)
    return value


def _around(context: Context, module: Value) -> list[Hook]:
    hooked = context.project_observations.hooked
    return [*hooked.get(id(module), ()), *hooked.get(None, ()), *context.observations.hooked]


def are_there(context: Context) -> bool:
    """Whether any were met."""
    return bool(context.project_observations.hooked or context.observations.hooked)


def _made(context: Context, hook: Hook, args: list[Value], site: Site) -> Value:
    """What a hook of the project that is put around a known module returns."""
    if not isinstance(hook.function, Function) or hook.module is None:
        return None
    return context.invoke(hook.function, args, {}, site)


def erases(context: Context, args: list[Value], site: Site) -> bool:
    """Whether a hook of a tensor gives a gradient of 0 in the place of its own, whatever that is."""
    hook = args[0] if args else None
    if not isinstance(hook, Function) or not _may_return(hook):
        return False
    made = context.invoke(hook, [opaque("gradient", (), site)], {}, site)
    parts = made.args if isinstance(made, Expr) and made.op == "mul" else (made,)
    return any(number_of(part) == 0 for part in parts)


def unknown(value: Value, site: Site) -> Value:
    """What is known of a value when something that is not read has been done to it."""
    if isinstance(value, tuple):
        return tuple(unknown(each, site) for each in value)
    return as_written(value, site) if isinstance(value, Expr) else value


def _registers(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in (_AFTER, _BEFORE)


def _may_return(hook: Value) -> bool:
    """Whether a hook may return something, as far as it is read: most keep what they see."""
    node = hook.node if isinstance(hook, Function) else None
    if isinstance(node, ast.Lambda):
        return not (_is_none(node.body) or (isinstance(node.body, ast.Call) and syntax.called(node.body) in _KEEPING))
    if isinstance(node, syntax.DEFINITIONS):
        inner = {id(each) for each in _inside_others(node)}
        returns = (each for each in syntax.descendants(node) if isinstance(each, ast.Return) and id(each) not in inner)
        return not all(each.value is None or _is_none(each.value) for each in returns)
    return hook is not None


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _inside_others(function: ast.AST) -> list[ast.AST]:
    others = (each for each in syntax.descendants(function) if isinstance(each, (*syntax.DEFINITIONS, ast.Lambda)))
    return [each for other in others if other is not function for each in syntax.descendants(other)]
