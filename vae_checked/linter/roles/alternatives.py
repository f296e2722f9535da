"""Calls of which one run makes one: what stands on two ways through the conditions of a function."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from vae_checked.linter.files import syntax

_FUNCTIONS = (*syntax.DEFINITIONS, ast.Lambda)
_LEAVING = (ast.Return, ast.Raise)


def are_alternatives(nodes: Iterable[ast.AST], one: ast.AST, other: ast.AST) -> bool:
    """Whether of two calls at most one counts: by a condition, a handler, a choice, or what gives its name away."""
    if one is other:
        return False
    # Each branch of a long chain stands in all before it: those alone are gone through that may hold one of the two.
    around = [node for node in nodes if _is_around(node, one) or _is_around(node, other)]
    if any(_keeps_apart(node, one, other) for node in around):
        return True
    if not are_in_one_function(around, one, other):
        return False
    first, last = sorted((one, other), key=_line)
    return any(_leaves_behind(node, first, last) for node in around) or _overwrites(around, first, last)


def are_in_one_function(nodes: Iterable[ast.AST], one: ast.AST, other: ast.AST) -> bool:
    """Whether two nodes stand in the same function, or both in none: whoever runs it comes to both."""
    functions = [node for node in nodes if isinstance(node, _FUNCTIONS)]
    return all(_holds([function], one) is _holds([function], other) for function in functions)


def _ways(node: ast.AST) -> Sequence[Sequence[ast.AST]]:
    """What stands on each way through a node."""
    if isinstance(node, ast.If):
        return node.body, node.orelse
    if isinstance(node, ast.IfExp):
        return [node.body], [node.orelse]
    if isinstance(node, ast.Match):
        return [case.body for case in node.cases]
    if isinstance(node, ast.Try):
        return (node.body, *(handler.body for handler in node.handlers))
    if isinstance(node, ast.Subscript) and isinstance(node.value, (ast.Dict, ast.List, ast.Tuple)):
        # One of those that are written down is taken.
        return [[each] for each in (node.value.values if isinstance(node.value, ast.Dict) else node.value.elts)]
    return ()


def _keeps_apart(node: ast.AST, one: ast.AST, other: ast.AST) -> bool:
    """Whether two nodes stand on two ways through one."""
    if not (_is_around(node, one) and _is_around(node, other)):
        return False
    places = [{at for at, way in enumerate(_ways(node)) if _holds(way, each)} for each in (one, other)]
    return all(places) and places[0].isdisjoint(places[1])


def _leaves_behind(node: ast.AST, first: ast.AST, last: ast.AST) -> bool:
    """Whether a condition ends its function after the first of two nodes, so that the last is not come to."""
    if isinstance(node, ast.If) and not _holds([node], last):
        return any(_holds(way, first) and isinstance(way[-1], _LEAVING) for way in _ways(node) if way)
    return False


def _overwrites(around: Iterable[ast.AST], first: ast.AST, last: ast.AST) -> bool:
    """Whether a condition gives the name of the first of two nodes to the last."""
    given = [each for node in (first, last) if (each := _given(around, node)) is not None]
    if len(given) < 2 or given[0] != given[1]:
        return False
    return any(isinstance(node, ast.If) and _holds([node], last) and not _holds([node], first) for node in around)


def _given(around: Iterable[ast.AST], node: ast.AST) -> str | None:
    """What the statement that a node is the value of gives it to."""
    for each in around:
        if isinstance(each, (ast.Assign, ast.AnnAssign)) and each.value is node:
            return ast.unparse(each.targets[0] if isinstance(each, ast.Assign) else each.target)
    return None


def _holds(way: Iterable[ast.AST], node: ast.AST) -> bool:
    return any(_is_around(each, node) and syntax.holds(each, node) for each in way)


def _is_around(outer: ast.AST, node: ast.AST) -> bool:
    """Whether a node may stand in another one, by its line."""
    line, start, end = _line(node), getattr(outer, "lineno", None), getattr(outer, "end_lineno", None)
    return start is None or end is None or start <= line <= end


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 0))
