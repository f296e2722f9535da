"""A binary cross entropy as somebody wrote it, of logits."""

from __future__ import annotations

import ast
import re
from contextlib import suppress

_FUNCTION, _CLASS = "binary_cross_entropy", "BCELoss"
_OF_LOGITS = {_FUNCTION: "binary_cross_entropy_with_logits", _CLASS: "BCEWithLogitsLoss"}
_LONGEST = 100


def with_logits(source: str) -> str | None:
    """What takes the place of a call of BCE, in the words of that call; None where it is written in another way.

    Of a loss that is kept under a name it is said which one to keep there.
    """
    text = " ".join(source.split())
    with suppress(SyntaxError, ValueError):
        call = ast.parse(text, mode="eval").body
        if isinstance(call, ast.Call) and len(text) <= _LONGEST:
            called = call.func.func if isinstance(call.func, ast.Call) else call.func
            name = _last(called)
            if name == (_CLASS if isinstance(call.func, ast.Call) else _FUNCTION):
                return re.sub(rf"\b{name}\b", _OF_LOGITS[name], text, count=1)
            if name and called is call.func:
                return f"nn.BCEWithLogitsLoss for {ast.unparse(called)}"
    return None


def _last(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
