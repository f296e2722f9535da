"""Norms: of what two tensors differ by the root of a sum of squares, or a sum of absolute values, of one the square.

A norm of one tensor says how long it is, and is read by nobody as a sum over its elements; its square is one.
"""

from __future__ import annotations

from collections.abc import Hashable

from vae_checked.linter.symbols.expression import Expr, Site, opaque, strip
from vae_checked.linter.symbols.values import Value, as_expr, number_of
from vae_checked.linter.torch_model.elementwise import Handler, argument, first_tensor
from vae_checked.linter.torch_model.evaluator import Evaluator
from vae_checked.linter.torch_model.sizes import axes_of

_NORMS = frozenset(("norm", "vector_norm"))
_SECOND, _OF_TWO = 2.0, 2
# Of two tensors: over everything, or over the last axis.
_DISTANCES = {"dist": "all", "pairwise_distance": (-1,)}
# What only puts the elements of a difference into another shape.
_SHAPED = frozenset(("view", "reshape", "flatten", "move", "squeeze", "unsqueeze"))


def distance(name: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Expr | None:
    """dist(x, y, p) and pairwise_distance(x, y, p); None for anything else, and for other norms."""
    if name not in _DISTANCES or len(args) < _OF_TWO:
        return None
    apart = Expr("sub", (as_expr(args[0], site), as_expr(args[1], site)), (), site)
    keep = argument(args, kwargs, 4, "keepdim") is True
    return _of_difference(apart, argument(args, kwargs, 2, "p"), _DISTANCES[name], keep, site)


def handler(name: str, *, of_matrices: bool = False) -> Handler:
    """What norm(x, p, dim) makes of a tensor: of one that is no difference a value that has a `squared`.

    Some norms are `of_matrices`, and those of the singular values, where a power is named and no axis.
    """

    def handle(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        given = tuple(as_expr(value, site) for value in (*args, *kwargs.values()))
        power, axis = argument(args, kwargs, 1, "p", "ord"), argument(args, kwargs, 2, "dim", "axis")
        if not given or (of_matrices and axis is None and power is not None):
            return opaque(name, given, site)
        keep, x = argument(args, kwargs, 3, "keepdim", "keepdims") is True, first_tensor(args, kwargs, site)
        known = _of_difference(x, power, axes_of(axis), keep, site) if _is_difference(x) else None
        if known is not None:
            return known
        if not _is_euclidean(power):
            return opaque(name, given, site)
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


def _of_difference(apart: Expr, power: Value, axes: Hashable, keepdim: bool, site: Site) -> Expr | None:
    settings = (("axes", axes), ("keepdim", keepdim))
    if number_of(power) == 1.0:
        return Expr("sum", (Expr("abs", (apart,), (), site),), settings, site)
    if not _is_euclidean(power):
        return None
    return Expr("sqrt", (Expr("sum", (Expr("square", (apart,), (), site),), settings, site),), (), site)


def _is_euclidean(power: Value) -> bool:
    return power in (None, "fro") or number_of(power) == _SECOND


def _is_difference(value: Expr) -> bool:
    node = strip(value)
    while node.op in _SHAPED and node.args:
        node = strip(node.args[0])
    return node.op == "sub" and all(arg.op != "const" for arg in node.args)
