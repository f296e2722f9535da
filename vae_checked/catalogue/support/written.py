"""Expressions as they are written where a fact was seen."""

from __future__ import annotations

import ast
from contextlib import suppress


def expression_in(text: str) -> ast.expr | None:
    """The expression that a line is, assigns or returns; None for another."""
    with suppress(SyntaxError, ValueError):
        (line,) = ast.parse(text.strip().removeprefix("return ")).body
        value = getattr(line, "value", None)
        return value if isinstance(value, ast.expr) else None
    return None
