"""Tensors that are made of one number, and filled with others element by element: all those numbers are in them."""

from __future__ import annotations

from collections.abc import Sequence

from vae_checked.linter.symbols.expression import Expr, Site
from vae_checked.linter.symbols.values import Value, as_expr, number_of

_BLANK = ("const", "empty")


def blank_of(owner: Expr) -> Expr:
    """A tensor as it was made, whatever type it was given since."""
    while owner.op == "cast":
        owner = owner.args[0]
    return owner


def by_element(owner: Expr, value: Value, site: Site) -> Expr | None:
    """A tensor after `owner[i][j] = value`, where it was made to be filled; None for others."""
    blank = blank_of(owner)
    return filled(blank, as_expr(value, site), site) if blank.op in _BLANK or _is_of_numbers(blank) else None


def filled(blank: Expr, value: Expr, site: Site) -> Expr:
    """What was made to be filled, once an element of it is another: the numbers that it has stay beside."""
    if number_of(value) is None or (blank.op == "stack" and not _is_of_numbers(blank)):
        # What else is in it is not followed.
        return Expr("stack", (value,), (), site)
    return _of_numbers((*_numbers(blank), value), site)


def entry(listed: Sequence[Value], key: Expr, site: Site) -> Expr | None:
    """An entry of a list of numbers that are no sizes, as of a weight for each epoch; None of any other list."""
    numbers = [*map(number_of, listed)]
    if len({*numbers}) == 1 or not any(number is not None and number % 1 for number in numbers) or None in numbers:
        return None
    held = _of_numbers(tuple(as_expr(each, site) for each in listed), site)
    return Expr("index", (held,), (("key", (("expr", key.uid),)),), site)


def of_both(one: Expr, other: Expr) -> Expr | None:
    """What was filled on one of two ways, and maybe on the other as well; None for what is no such tensor."""
    is_filled = any(map(_is_of_numbers, (one, other)))
    if not is_filled or not all(each.op == "const" or _is_of_numbers(each) for each in (one, other)):
        return None
    return _of_numbers((*_numbers(one), *_numbers(other)), one.site or other.site)


def _of_numbers(parts: tuple[Expr, ...], site: Site | None) -> Expr:
    each = {number_of(part): part for part in parts}
    return Expr("stack", tuple(each.values()), (("filled", True),), site)


def _numbers(blank: Expr) -> tuple[Expr, ...]:
    """The numbers that a tensor is made of, none of any shape."""
    if blank.op == "const":
        return (Expr("const", (), (("value", blank.value),), blank.site),)
    return blank.args if _is_of_numbers(blank) else ()


def _is_of_numbers(expr: Expr) -> bool:
    return expr.op == "stack" and expr.get("filled") is True
