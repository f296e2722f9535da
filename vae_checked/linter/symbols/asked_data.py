"""Data whose own numbers code asks for: rescaled where they ask for it, as in `if x.max() > 1: x = x / 255`.

Which range they had is what the condition tells, and they lie where they are wanted on both ways: neither side is known
to have the range that the data had before.
"""

from __future__ import annotations

from collections.abc import Iterator

from vae_checked.linter.symbols.expression import Expr
from vae_checked.linter.symbols.given import is_data

_MARK = "asked"
_SCALING = frozenset(("add", "sub", "mul", "div"))
# What tells how many numbers there are, and nothing of what they are.
_OF_SHAPE = frozenset(("size", "shape"))
_NAMES_OF_SHAPE = frozenset(
    "attribute:ndim attribute:shape attribute:size attribute:is_cuda attribute:device dim size numel nelement".split()
)
# A condition is a short text; what is computed by a model is none about data.
_MAX_NODES = 64


def without_ranges(condition: Expr, one: Expr, other: Expr) -> tuple[Expr, Expr]:
    """The two values of a choice, of no known range where it asks data for their numbers: data, or what scales them."""
    if _may_scale(one) and _may_scale(other) and _follows_from_data(condition):
        return of_unknown_range(one), of_unknown_range(other)
    return one, other


def follows_its_own(value: Expr) -> bool:
    """Whether data are scaled by something that follows from data as well, as by what is the largest of them."""
    return value.op in _SCALING and sum(map(_follows_from_data, value.args)) > 1


def has_unknown_range(value: Expr) -> bool:
    """Whether a value stands for data whose range was asked for: nothing is known of it, whatever is known below."""
    return value.op == "cast" and value.get(_MARK) is True


def of_unknown_range(value: Expr) -> Expr:
    """A value of which nothing is known of where it lies."""
    return value if has_unknown_range(value) else Expr("cast", (value,), ((_MARK, True),), value.site)


def _may_scale(value: Expr) -> bool:
    """Whether a value is data, or a number by which they may be scaled."""
    return value.op == "const" or is_data(value) or (has_unknown_range(value) and value.args[0].op == "const")


def _follows_from_data(value: Expr) -> bool:
    """Whether a value is computed from the numbers of data, and not from their shapes alone."""
    return any(node.op in ("data", "batch") for node in _made_of(value))


def _made_of(value: Expr) -> Iterator[Expr]:
    """What a value is computed from, but for what it asks the shapes of."""
    stack, seen = [value], set[int]()
    while stack and len(seen) < _MAX_NODES:
        node = stack.pop()
        if node.uid in seen or node.op in _OF_SHAPE or str(node.get("name")) in _NAMES_OF_SHAPE:
            continue
        seen.add(node.uid)
        yield node
        stack += node.args
