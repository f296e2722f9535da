"""Whether a number that an operation was given stands in the statement that ran it, or comes by a name."""

from __future__ import annotations

import ast
import linecache
import math
from functools import lru_cache

from vae_checked.auditor.recording.tape import Step

_CLOSE = 1e-6


def comes_by_name(step: Step, value: float) -> bool:
    """Whether the line that ran `step` has a number in it that is written as something else than that number.

    False where the line cannot be read, or a function of a library ran the step: nothing is known of it then.
    """
    if step.frame is None or not step.by_line:
        return False
    numbers = _numbers(*step.frame)
    return numbers is not None and not any(
        math.isclose(abs(value), each, rel_tol=_CLOSE) or math.isclose(abs(value) * each, 1.0, rel_tol=_CLOSE)
        for each in numbers
    )


def names_value(step: Step, value: float) -> tuple[float, ...]:
    """What a name stands for in the line that ran `step`, if need be without a number that is written beside it.

    `-0.5 * beta * kl` runs one multiplication, by a number that is half of beta.
    """
    if step.frame is None or not comes_by_name(step, value):
        return ()
    return (value, *(value / each for each in sorted(_numbers(*step.frame) or ()) if each in (0.5, 2.0)))


@lru_cache(maxsize=256)
def _numbers(path: str, line: int) -> frozenset[float] | None:
    """The numbers that are written in the statement around a line; None where there is no source."""
    tree = _tree(path)
    if tree is None:
        return None
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    if not around:
        return None
    inmost = min(around, key=lambda node: (node.end_lineno or node.lineno) - node.lineno)
    constants = (node.value for node in ast.walk(inmost) if isinstance(node, ast.Constant))
    return frozenset(abs(float(value)) for value in constants if isinstance(value, (int, float)))


@lru_cache(maxsize=16)
def _tree(path: str) -> ast.Module | None:
    text = "".join(linecache.getlines(path))
    try:
        return ast.parse(text) if text else None
    except (SyntaxError, ValueError):
        return None
