"""The sizes that a view is given, as they are read and as they are written."""

from __future__ import annotations

import ast

from vae_checked.linter.files import syntax
from vae_checked.linter.symbols.expression import Expr
from vae_checked.mathematics.names import is_batch_size

VIEWS = frozenset(("view", "reshape"))
# Operations after which every element is where it was.
STILL = frozenset("cast contiguous detach alias".split())


def sizes_of(node: Expr) -> tuple[object, ...]:
    """The sizes that a node is given; none where they are not known."""
    sizes = node.get("sizes")
    return sizes if isinstance(sizes, tuple) else ()


def under(value: Expr) -> Expr:
    """What lies below operations after which every element is where it was."""
    while value.op in STILL and value.args:
        value = value.args[0]
    return value


def is_called_batch_size(view: Expr, place: int) -> bool:
    """Whether one of a view's sizes is written as a name for the number of samples."""
    call = view.site.node if view.site is not None else None
    given = call.args if isinstance(call, ast.Call) else []
    if len(given) == 1 and isinstance(given[0], (ast.Tuple, ast.List)):
        given = given[0].elts
    written = given[place] if len(given) == len(sizes_of(view)) else None
    return written is not None and is_batch_size(syntax.last(written))
