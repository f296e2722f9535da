"""Sums over axes that a text names: Einstein sums of tensors that have the same ones, and what einops reduces."""

from __future__ import annotations

import re

from vae_checked.linter.symbols.expression import Expr, Site
from vae_checked.linter.symbols.values import Value, as_expr
from vae_checked.linter.torch_model.elementwise import argument

_ELLIPSIS = "..."
# Names of axes alone, before and after the arrow.
_PLAIN = re.compile(r"[A-Za-z_.\d ]*->[A-Za-z_. ]*")


def einsum(args: list[Value], site: Site) -> Expr | None:
    """`einsum("bi,bi->b", a, b)` as `(a * b).sum(1)`; also of a list of tensors, or with the equation last.

    None where the tensors differ in their axes, where axes change places and where the equation is not known.
    """
    if not args:
        return None
    equation, given = (args[0], args[1:]) if isinstance(args[0], str) else (args[-1], args[:-1])
    if len(given) == 1 and isinstance(given[0], (list, tuple)):
        given = list(given[0])
    axes = _summed(equation, len(given), spaced=equation is not args[0]) if isinstance(equation, str) else None
    if axes is None:
        return None
    product = as_expr(given[0], site)
    for factor in given[1:]:
        product = Expr("mul", (product, as_expr(factor, site)), (), site)
    return Expr("sum", (product,), (("axes", axes), ("keepdim", False)), site) if axes else product


def reduced(args: list[Value], kwargs: dict[str, Value], site: Site) -> Expr | None:
    """`reduce(x, "b c -> b", "sum")` as `x.sum(1)`, means likewise; None where axes are taken apart or put together."""
    pattern, how = (argument(args, kwargs, place, name) for place, name in ((1, "pattern"), (2, "reduction")))
    if not args or not isinstance(pattern, str) or how not in ("sum", "mean") or not _PLAIN.fullmatch(pattern):
        return None
    axes = _summed(pattern, 1, spaced=True)
    if axes is None:
        return None
    x = as_expr(args[0], site)
    return Expr(str(how), (x,), (("axes", axes), ("keepdim", False)), site) if axes else x


def _summed(equation: str, tensors: int, *, spaced: bool) -> tuple[int, ...] | str | None:
    """The axes over which an equation sums, where it names those of every tensor alike and keeps their order."""
    before, arrow, after = equation.partition("->")
    names = [_names(part, spaced=spaced) for part in before.split(",")]
    own = names[0]
    if tensors == 0 or len(names) != tensors or any(other != own for other in names) or len(set(own)) != len(own):
        return None
    if not arrow:
        # Without an arrow the axes are kept that are named once, in the order of their letters.
        kept = sorted(own) if tensors == 1 else [name for name in own if name == _ELLIPSIS]
    else:
        kept = _names(after, spaced=spaced)
    if kept != [name for name in own if name in kept] or (_ELLIPSIS in own and _ELLIPSIS not in kept):
        return None
    if not kept:
        return "all"
    start = own.index(_ELLIPSIS) if _ELLIPSIS in own else len(own)
    return tuple(at if at < start else at - len(own) for at, name in enumerate(own) if name not in kept)


def _names(part: str, *, spaced: bool) -> list[str]:
    if spaced:
        return part.split()
    return [_ELLIPSIS if name == "." else name for name in part.replace(_ELLIPSIS, ".") if not name.isspace()]
