"""Norms: of what two tensors differ by the root of a sum of squares, or a sum of absolute values, of one the square.

A norm of one tensor says how long it is, and is read by nobody as a sum over its elements; its square is one.
"""

from __future__ import annotations

import ast

from vae_checked.linter.symbols.expression import Expr, Site, opaque, strip
from vae_checked.linter.symbols.values import Value, as_expr, number_of
from vae_checked.linter.torch_model.elementwise import Handler, argument, first_tensor
from vae_checked.linter.torch_model.evaluator import Evaluator
from vae_checked.linter.torch_model.sizes import axes_of

_NORMS = frozenset(("norm", "vector_norm"))
_SECOND = 2.0
# Of two tensors: over everything, or over the last axis.
_DISTANCES = {"dist": "all", "pairwise_distance": (-1,)}
# What only puts the elements of a difference into another shape.
_SHAPED = frozenset(("view", "reshape", "flatten", "move", "squeeze", "unsqueeze"))


def of_difference(name: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Expr | None:
    """norm(x - y, p, dim), dist(x, y, p) and the like; None for the norm of anything else, and for other norms."""
    if name in _DISTANCES and len(args) > 1:
        power, axes = argument(args, kwargs, 2, "p"), _DISTANCES[name]
        apart = Expr("sub", (as_expr(args[0], site), as_expr(args[1], site)), (), site)
        return _norm(apart, power, axes, argument(args, kwargs, 4, "keepdim") is True, site)
    if name not in _NORMS or not (args or kwargs):
        return None
    power, axis = argument(args, kwargs, 1, "p", "ord"), argument(args, kwargs, 2, "dim", "axis")
    apart = first_tensor(args, kwargs, site)
    if not _is_difference(apart) or (axis is None and power is not None and _is_of_matrices(name, site)):
        return None
    return _norm(apart, power, axes_of(axis), argument(args, kwargs, 3, "keepdim", "keepdims") is True, site)


def handler(name: str) -> Handler:
    """What `norm` or `vector_norm` makes of a tensor: of one that is no difference a value that has a `squared`."""

    def handle(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        given = tuple(as_expr(value, site) for value in (*args, *kwargs.values()))
        known = of_difference(name, list(args), dict(kwargs), site)
        if known is not None:
            return known
        power, axis = argument(args, kwargs, 1, "p", "ord"), argument(args, kwargs, 2, "dim", "axis")
        euclidean = power in (None, "fro") or number_of(power) == _SECOND
        if not given or not euclidean or (axis is None and power is not None and _is_of_matrices(name, site)):
            return opaque(name, given, site)
        keep = argument(args, kwargs, 3, "keepdim", "keepdims") is True
        return Expr("opaque", given[:1], (("name", name), ("axes", axes_of(axis)), ("keepdim", keep)), site)

    return handle


def squared(value: Expr, power: Value, site: Site) -> Expr | None:
    """The square of a norm; None where the value is none, or is raised to another power."""
    if value.op != "opaque" or value.get("name") not in _NORMS or value.get("axes") is None:
        return None
    if number_of(power) != _SECOND:
        return None
    settings = (("axes", value.get("axes")), ("keepdim", value.get("keepdim")))
    return Expr("sum", (Expr("square", value.args, (), value.site),), settings, site)


def squaring(raises: Handler) -> Handler:
    """A function that raises what it is given first to a power, 2 where no other is given: of a norm as well."""

    def handle(evaluator: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        power = argument(args, kwargs, 1, "exponent")
        base = args[0] if args else None
        known = squared(base, _SECOND if power is None else power, site) if isinstance(base, Expr) else None
        return raises(evaluator, args, kwargs, site) if known is None else known

    return handle


def _norm(apart: Expr, power: Value, axes: object, keepdim: bool, site: Site) -> Expr | None:
    settings = (("axes", axes), ("keepdim", keepdim))
    if number_of(power) == 1.0:
        return Expr("sum", (Expr("abs", (apart,), (), site),), settings, site)
    if power not in (None, "fro") and number_of(power) != _SECOND:
        return None
    return Expr("sqrt", (Expr("sum", (Expr("square", (apart,), (), site),), settings, site),), (), site)


def _is_difference(value: Expr) -> bool:
    node = strip(value)
    while node.op in _SHAPED and node.args:
        node = strip(node.args[0])
    return node.op == "sub" and all(arg.op != "const" for arg in node.args)


def _is_of_matrices(name: str, site: Site) -> bool:
    """Whether a norm of a number is one of a matrix where no axis is named, as that of `linalg` is."""
    return name == "norm" and isinstance(site.node, ast.Call) and "linalg" in ast.unparse(site.node.func)
