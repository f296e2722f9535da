"""The statement of the source that ran a step: where it stands, what it assigns, and what stands around it."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from functools import lru_cache

from vae_checked.auditor.recording.tape import Step

_BLOCKS = ("no_grad", "inference_mode", "set_grad_enabled")


def statement_of(step: Step) -> tuple[str, int, int] | None:
    """The file and the lines of the statement that ran `step`; None where it cannot be read."""
    statement = None if step.frame is None else statement_at(*step.frame)
    if step.frame is None or statement is None:
        return None
    return step.frame[0], statement.lineno, statement.end_lineno or statement.lineno


def assigned_by(step: Step) -> tuple[str, str]:
    """The name that the statement around `step` gives to its value, or none, and that value as it is written."""
    statement = None if step.frame is None else statement_at(*step.frame)
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


def detached_by(step: Step) -> str:
    """What the line that ran `step` detaches, as it is written; empty where that is not one thing, or not seen."""
    statement = None if step.frame is None else statement_at(*step.frame)
    if step.frame is None or statement is None:
        return ""
    line = step.frame[1]
    nodes = (node for node in ast.walk(statement) if isinstance(node, ast.expr) and _is_detached(node))
    found = [node for node in nodes if node.lineno <= line <= (node.end_lineno or node.lineno)]
    return ast.unparse(found[0]) if len(found) == 1 else ""


def _is_detached(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr="detach")) | ast.Attribute(attr="data"):
            return True
    return False


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
    statement = None if step.frame is None else statement_at(*step.frame)
    nodes = [] if statement is None else list(ast.walk(statement))
    names = [node.id for node in nodes if isinstance(node, ast.Name)]
    names += [node.attr for node in nodes if isinstance(node, ast.Attribute)]
    return tuple(name.lower() for name in names)


def statement_at(path: str, line: int) -> ast.stmt | None:
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
