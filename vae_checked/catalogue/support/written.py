"""Statements and expressions as they are written where a fact was seen."""

from __future__ import annotations

import ast
from contextlib import suppress


def statement_in(text: str) -> ast.stmt | None:
    """The one statement that a line is; None where it is cut off, or has more."""
    with suppress(SyntaxError, ValueError):
        (statement,) = ast.parse(text.strip()).body
        return statement
    return None


def last(function: ast.expr) -> str:
    """The last part of what is called: `mean` of `torch.mean`."""
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def expression_in(text: str) -> ast.expr | None:
    """The expression that a line is, assigns or returns; None for another."""
    value = getattr(statement_in(text), "value", None)
    return value if isinstance(value, ast.expr) else None
