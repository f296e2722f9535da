"""A call's arguments, bound to the parameters of a function."""

from __future__ import annotations

import ast

from vae_checked.linter.interpreter import declared, parts
from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.interpreter.open_options import is_left_open
from vae_checked.linter.symbols.expression import Expr, Site, opaque
from vae_checked.linter.symbols.more_names import MoreNames, taken_by_name
from vae_checked.linter.symbols.places import MoreItems, unknown_item
from vae_checked.linter.symbols.values import Function, Open, Scope, Value, by_name


def bind_parameters(
    context: Context,
    function: Function,
    args: list[Value],
    kwargs: dict[str, Value],
    scope: Scope,
    site: Site | None,
) -> None:
    """Bind a call's arguments to a function's parameters; what is missing and has no default becomes an atom."""
    spec, names = function.node.args, scope.names
    parameters = [*spec.posonlyargs, *spec.args] if spec.posonlyargs else spec.args
    given = list(args) if function.bound is None else [function.bound, *args]
    unread = [(place, each) for place, each in enumerate(given) if isinstance(each, Expr) and each.op == "spread"]
    if unread:
        # What is given by name is no item of it, nor is what comes after that.
        before = next((index for index, each in enumerate(parameters) if each.arg in kwargs), len(parameters))
        if isinstance(given[-1], Expr) and given[-1].op == "spread":
            before = min(before, _first_flag(function, parameters))
        given = _fill_spread(context, function, given, before, site or context.site(function.node))
    for parameter, value in zip(parameters, given, strict=False):
        names[parameter.arg] = value
        context.observations.name(value, parameter.arg)
    if spec.vararg is not None:
        behind = tuple(given[len(parameters) :])
        is_open = unread and function.name != "__init__"
        names[spec.vararg.arg] = _with_more(behind, *unread[0], len(parameters)) if is_open else behind
    rest = {name: value for name, value in kwargs.items() if name not in names} if kwargs else {}
    more = kwargs.source if isinstance(kwargs, MoreNames) else None
    if len(given) < len(parameters) or spec.kwonlyargs:
        _bind_rest(context, function, parameters, rest, names, more)
    if spec.kwarg is not None:
        names[spec.kwarg.arg] = taken_by_name(kwargs, by_name(rest)) if len(context.frames) > 1 else Open(rest)


def are_refused(function: Function, args: list[Value]) -> bool:
    """Whether a class takes fewer arguments than it is made with: Python refuses, another class is meant."""
    node, spec = function.node, function.node.args
    if function.name != "__init__" or spec.vararg is not None or isinstance(node, ast.Lambda) or node.decorator_list:
        return False
    given = len(args) + (function.bound is not None)
    spread = any(isinstance(value, Expr) and value.op == "spread" for value in args)
    return not spread and given > len(spec.posonlyargs) + len(spec.args)


def _bind_rest(
    context: Context,
    function: Function,
    parameters: list[ast.arg],
    rest: dict[str, Value],
    names: dict[str, Value],
    more: Expr | None,
) -> None:
    """Bind the parameters that were not given by position, and take them out of `rest`.

    What `more` may give is not known where a default chooses a reduction, or an activation of what is built; other
    options stay as they are, for with each of them twice as much of a large network would be run.
    """
    spec, defaults = function.node.args, _defaults(function.node.args)
    for parameter in (*parameters, *spec.kwonlyargs):
        name = parameter.arg
        if name in names:
            continue
        if name in rest:
            names[name] = rest.pop(name)
            context.observations.name(names[name], name)
        elif name in defaults:
            usual = context.eval(defaults[name], function.scope)
            is_open = more is not None and is_left_open(function, name, usual)
            site = context.site(parameter)
            names[name] = parts.item(context, more, name, site) if is_open and more is not None else usual
        else:
            names[name] = declared.given(context, parameter, function.scope, context.site(parameter))
            context.observations.name(names[name], name)


def _first_flag(function: Function, parameters: list[ast.arg]) -> int:
    """The place of the first parameter that is off or on by default: tensors that are handed over at once are no flags.

    Settings may be, of which what is built is made.
    """
    if function.name == "__init__":
        return len(parameters)
    start = len(parameters) - len(function.node.args.defaults)
    flags = (
        start + index
        for index, default in enumerate(function.node.args.defaults)
        if isinstance(default, ast.Constant) and isinstance(default.value, bool)
    )
    return next(flags, len(parameters))


def _fill_spread(context: Context, function: Function, given: list[Value], wanted: int, site: Site) -> list[Value]:
    """Replace `*something unknown` by as many of its items as the parameters can take.

    An option that has a default and chooses an activation is one that no code names, as where `**` may give it. What is
    built hands on all others that it may be given.
    """
    for index, value in enumerate(given):
        if isinstance(value, Expr) and value.op == "spread":
            spec, count = function.node.args, max(1, wanted - len(given) + 1)
            parameters = [*spec.posonlyargs, *spec.args][index : index + count]
            sites = [_unnamed(context, function, each) or site for each in parameters]
            if function.name == "__init__" and spec.vararg is not None:
                rest = [unknown_item(value.args[0], site)]
            else:
                rest = [] if sites else [parts.item(context, value.args[0], 0, site)]
            taken = [*(parts.item(context, value.args[0], number, each) for number, each in enumerate(sites)), *rest]
            return [*given[:index], *taken, *given[index + 1 :]]
    return given


def _with_more(behind: tuple[Value, ...], place: int, unread: Expr, taken: int) -> MoreItems:
    """What stands behind the `taken` parameters, where a call hands over the items of something unread from a place.

    Which of these the parameters took is not known.
    """
    (source,) = unread.args
    if place < taken:
        source = opaque("each", (unknown_item(source, unread.site),), unread.site)
    return MoreItems(behind, source, max(0, place - taken))


def _unnamed(context: Context, function: Function, parameter: ast.arg) -> Site | None:
    """The place of a parameter whose default chooses an activation, or a reduction; None for another one."""
    default = _defaults(function.node.args).get(parameter.arg)
    if default is None or not is_left_open(function, parameter.arg, context.eval(default, function.scope)):
        return None
    return context.site(parameter)


def _defaults(spec: ast.arguments) -> dict[str, ast.expr]:
    """The defaults that parameters have, by their names."""
    positional = [*spec.posonlyargs, *spec.args]
    defaults = {each.arg: value for each, value in zip(reversed(positional), reversed(spec.defaults), strict=False)}
    by_name = zip(spec.kwonlyargs, spec.kw_defaults, strict=True)
    return {**defaults, **{each.arg: value for each, value in by_name if value is not None}}
