"""Keys of dicts that an expression alone tells: of an entry that stands for all that a loop puts there."""

from __future__ import annotations

from collections.abc import Iterable

from vae_checked.linter.symbols.expression import Expr
from vae_checked.linter.symbols.values import Key, Value, number_of

# What a loop goes through, and what is handed to a function.
_OF_ANY = frozenset(("item", "atom"))


class UnknownKey(str):
    """What an entry goes by whose key is an expression: a text of its own kind, which no text in the source is."""

    expr: Expr

    def __new__(cls, expr: Expr) -> UnknownKey:
        """The key of an expression: the same for the same one."""
        made = super().__new__(cls, f"[{expr.uid}]")
        made.expr = expr
        return made


def key_of(value: Value) -> str | int | float | bool | None:
    """What a dict has an entry under; one that is known by an expression alone is that expression's."""
    if isinstance(value, Expr):
        number = number_of(value)
        return UnknownKey(value) if number is None else number
    return value if isinstance(value, (str, int, float)) else None


def written(keys: Iterable[Key]) -> list[Value]:
    """Keys as code meets them that goes through a dict: an expression where that alone tells the key."""
    return [key.expr if isinstance(key, UnknownKey) else key for key in keys]


def stands_for(entries: dict[Key, Value], key: Value) -> Value:
    """The one entry of a dict that stands for all that a loop put there, asked by another loop's key; None without.

    What a key is made of by arithmetic or as a text says which other entry is meant: `mu_{k}`, or that of another step.
    """
    if len(entries) != 1 or not isinstance(key, Expr) or key.op not in _OF_ANY:
        return None
    own, value = next(iter(entries.items()))
    return value if isinstance(own, UnknownKey) and own.expr.op in _OF_ANY else None
