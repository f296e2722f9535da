"""Elementwise operations as they are called: the record of each says how its arguments and parameters are written."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from vae_checked.linter.symbols.expression import Attrs, Expr, Site, const, opaque
from vae_checked.linter.symbols.values import Value, as_expr, number_of
from vae_checked.linter.torch_model.evaluator import Evaluator
from vae_checked.mathematics.ops import FUNCTIONS_BY_NAME, Argument, Kind, Operation, Parameter

Handler = Callable[[Evaluator, list[Value], dict[str, Value], Site], Value]
_KINDS = (Kind.ARITHMETIC, Kind.FUNCTION, Kind.ACTIVATION)


def handlers() -> dict[str, Handler]:
    """What a call of each elementwise function or method gives, by its name."""
    return {name: handler(each) for name, each in FUNCTIONS_BY_NAME.items() if each.kind in _KINDS}


def first_tensor(args: list[Value], kwargs: dict[str, Value], site: Site) -> Expr:
    """The tensor that a function is applied to, given first or by one of its usual names."""
    for name in ("input", "x", "a", "self"):
        if not args and name in kwargs:
            return as_expr(kwargs.pop(name), site)
    return as_expr(args[0], site) if args else opaque("nothing", (), site)


def argument(args: list[Value], kwargs: dict[str, Value], position: int, *names: str) -> Value:
    """What is given by one of some names, or at a position; None for nothing."""
    for name in names:
        if name in kwargs:
            return kwargs[name]
    return args[position] if position < len(args) else None


def handler(operation: Operation) -> Handler:
    """What a call of `operation` gives."""
    if len(operation.arguments) == 1 and not operation.parameters and operation.rewritten is None:
        return of_one(operation.name)

    def handle(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        operands, settings = _read(operation, args, kwargs, site)
        if operands is None:
            return opaque(operation.name, tuple(as_expr(item, site) for item in (*args, *kwargs.values())), site)
        if operation.rewritten is None:
            given = tuple((p.name, settings[p.name]) for p in operation.parameters if settings[p.name] != p.default)
            return Expr(operation.name, tuple(operands), given, site)

        def build(name: str, *parts: Expr, **options: Hashable) -> Expr:
            attrs: Attrs = tuple((key, value) for key, value in options.items() if value is not None)
            return Expr(name, parts, attrs, site)

        return operation.rewritten(build, lambda number: const(number, site), operands, settings)

    return handle


def of_one(op: str) -> Handler:
    """What an operation of one tensor makes of it, whatever else it is given."""

    def handle(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        return Expr(op, (first_tensor(args, kwargs, site),), (), site)

    return handle


def _read(
    operation: Operation, args: list[Value], kwargs: dict[str, Value], site: Site
) -> tuple[list[Expr] | None, dict[str, Hashable]]:
    """The tensors and parameters of a call; None for the tensors where one is missing."""
    # A flag such as `inplace` changes no value.
    positional = [item for index, item in enumerate(args) if index == 0 or not isinstance(item, bool)]
    arguments = operation.arguments
    required = [argument for argument in arguments if not argument.optional]
    if len(positional) == len(required) + 1 == len(arguments) and not operation.parameters:
        # In old code the factor stands between: addcmul(x, value, a, b).
        positional.append(positional.pop(1))
    operands = [first_tensor(positional, kwargs, site)]
    for index, argument in enumerate(arguments[1:], start=1):
        value = _named(argument, kwargs)
        if value is None and index < len(positional):
            value = positional[index]
        # What is given and may be None, as a default that its caller replaces, is a tensor that is not known.
        if value is not None or (index < len(positional) and not argument.optional):
            operands.append(as_expr(value, site))
        elif not argument.optional:
            return None, {}
    settings: dict[str, Hashable] = {}
    for index, parameter in enumerate(operation.parameters, start=len(arguments)):
        value = _named(parameter, kwargs)
        if value is None and index < len(positional):
            value = positional[index]
        settings[parameter.name] = _setting(value, parameter, site)
    return operands, settings


def _named(wanted: Argument | Parameter, kwargs: dict[str, Value]) -> Value:
    if kwargs:
        for name in (wanted.name, *wanted.spelled):
            if name in kwargs:
                return kwargs[name]
    return None


def _setting(value: Value, parameter: Parameter, site: Site) -> Hashable:
    """A parameter's value; for one that is not known, something that is no number and equal for equal expressions."""
    if value is None:
        return parameter.default
    number = number_of(value)
    if number is not None:
        return number
    return value if isinstance(value, str) else ("expression", as_expr(value, site).uid)
