"""Whether a number that an operation was given stands in the statement that ran it, or comes by a name."""

from __future__ import annotations

import ast
import linecache
import math
from collections.abc import Iterator
from functools import lru_cache

from vae_checked.auditor.recording.tape import Step

_CLOSE = 1e-6
_BLOCKS = ("no_grad", "inference_mode", "set_grad_enabled")


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


def is_written(step: Step, value: float) -> bool:
    """Whether the statement that ran `step` has this number in it; False where it cannot be read."""
    numbers = _numbers(*step.frame) if step.frame is not None and step.by_line else None
    return numbers is not None and any(math.isclose(abs(value), each, rel_tol=_CLOSE) for each in numbers)


def names_value(step: Step, value: float) -> tuple[float, ...]:
    """What a name stands for in the line that ran `step`, if need be without a number that is written beside it.

    `-0.5 * beta * kl` runs one multiplication, by a number that is half of beta.
    """
    if step.frame is None or not comes_by_name(step, value):
        return ()
    return (value, *(value / each for each in sorted(_numbers(*step.frame) or ()) if each in (0.5, 2.0)))


def multiplies_by_written_zero(step: Step) -> bool:
    """Whether the line that ran `step` multiplies by a 0 that is written there, and by nothing that a name stands for.

    A weight with a name may be 0 in this run alone.
    """
    if step.frame is None or not step.by_line:
        return False
    statement = _statement(*step.frame)
    if statement is None:
        return False
    products = [n for n in ast.walk(statement) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mult)]
    factors = [factor for each in products for factor in (each.left, each.right)]
    zeros = [each for each in factors if isinstance(each, ast.Constant) and each.value == 0]
    of_zero = [each for each in products if any(zero in (each.left, each.right) for zero in zeros)]
    beside = [factor for each in products if each not in of_zero for factor in (each.left, each.right)]
    return bool(zeros) and not any(isinstance(each, (ast.Name, ast.Attribute, ast.Subscript)) for each in beside)


def statement_of(step: Step) -> tuple[str, int, int] | None:
    """The file and the lines of the statement that ran `step`; None where it cannot be read."""
    statement = None if step.frame is None else _statement(*step.frame)
    if step.frame is None or statement is None:
        return None
    return step.frame[0], statement.lineno, statement.end_lineno or statement.lineno


def assigned_by(step: Step) -> tuple[str, str]:
    """The name that the statement around `step` gives to its value, or none, and that value as it is written."""
    statement = None if step.frame is None else _statement(*step.frame)
    match statement:
        case ast.Assign(value=ast.Lambda()):
            return "", ""
        case (
            ast.Assign(targets=[ast.Name() | ast.Attribute() as target], value=value)
            | ast.AnnAssign(target=ast.Name() | ast.Attribute() as target, value=value)
        ):
            return ast.unparse(target), "" if value is None else ast.unparse(value)
        case ast.Return(value=ast.expr() as value):
            return "", ast.unparse(value)
    return "", ""


def block_without_gradients(step: Step) -> tuple[str, int] | None:
    """How the block around `step` that keeps no gradients is written, and its line; None where there is none."""
    tree = None if step.frame is None else _tree(step.frame[0])
    around = [] if tree is None or step.frame is None else _around(tree, step.frame[1])
    for block in (each for each in reversed(around) if isinstance(each, ast.With)):
        for item in block.items:
            written = ast.unparse(item.context_expr)
            if any(name in written for name in _BLOCKS):
                return written, block.lineno
    return None


def words_of_line(step: Step) -> tuple[str, ...]:
    """The names in the statement that ran `step`, in lower case; none where it cannot be read."""
    statement = None if step.frame is None else _statement(*step.frame)
    nodes = [] if statement is None else list(ast.walk(statement))
    names = [node.id for node in nodes if isinstance(node, ast.Name)]
    names += [node.attr for node in nodes if isinstance(node, ast.Attribute)]
    return tuple(name.lower() for name in names)


@lru_cache(maxsize=256)
def _numbers(path: str, line: int) -> frozenset[float] | None:
    """The numbers that are written in the statement around a line; None where there is no source."""
    statement = _statement(path, line)
    if statement is None:
        return None
    constants = (node.value for node in ast.walk(statement) if isinstance(node, ast.Constant))
    return frozenset(abs(float(value)) for value in constants if isinstance(value, (int, float)))


def _statement(path: str, line: int) -> ast.stmt | None:
    """The inmost statement around a line; None where there is no source."""
    tree = _tree(path)
    around = [] if tree is None else _around(tree, line)
    return min(around, key=lambda node: (node.end_lineno or node.lineno) - node.lineno, default=None)


def _around(tree: ast.Module, line: int) -> list[ast.stmt]:
    """The statements around a line, outer ones first."""
    around: list[ast.stmt] = []
    # Outer statements first; what does not stand around the line has no statement in it that does.
    holding: list[ast.AST] = [tree]
    for outer in holding:
        for each in _held(outer):
            if isinstance(each, ast.stmt):
                if not each.lineno <= line <= (each.end_lineno or each.lineno):
                    continue
                around.append(each)
            holding.append(each)
    return around


def _held(node: ast.AST) -> Iterator[ast.stmt | ast.excepthandler | ast.match_case]:
    """The statements that stand in a node itself, and the parts of it that hold others."""
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            yield from (each for each in value if isinstance(each, (ast.stmt, ast.excepthandler, ast.match_case)))


@lru_cache(maxsize=16)
def _tree(path: str) -> ast.Module | None:
    text = "".join(linecache.getlines(path))
    try:
        return ast.parse(text) if text else None
    except (SyntaxError, ValueError):
        return None
