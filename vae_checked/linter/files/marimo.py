"""Notebooks of marimo: a file of Python in which each cell is a function that takes what other cells give.

What a cell binds is known to all others, so that it stands at the top level as it does in any notebook. What cells take
of one another says which comes first, and not where they stand.
"""

from __future__ import annotations

import ast
import re
from typing import TypeAlias

_CELL = re.compile(r"^@\w+\.cell\b", re.MULTILINE)
_MADE = re.compile(r"\bmarimo\.App\(")
# What stands at the top level as it is, but for what decorates it.
_WHOLE = frozenset(("function", "class_definition"))
_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def is_notebook(text: str) -> bool:
    """Whether a text is that of a notebook of marimo."""
    return _CELL.search(text) is not None and _MADE.search(text) is not None


def opened(tree: ast.Module) -> ast.Module:
    """A notebook with the statements of its cells at the top level, those that others take something of first."""
    given: list[ast.stmt] = []
    cells: list[_Function] = []
    for node in tree.body:
        if isinstance(node, _FUNCTIONS) and any(_is_of_app(each, "cell") for each in node.decorator_list):
            cells.append(node)
        elif isinstance(node, ast.With) and any(_is_of_app(item.context_expr, "setup") for item in node.items):
            given += node.body
        else:
            if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
                node.decorator_list = [
                    each for each in node.decorator_list if not any(_is_of_app(each, kind) for kind in _WHOLE)
                ]
            given.append(node)
    tree.body = [*given, *(statement for cell in _in_turn(cells) for statement in _statements(cell))]
    return tree


def _is_of_app(node: ast.expr, kind: str) -> bool:
    """Whether an expression is an attribute of the notebook, or its call: `@app.cell(hide_code=True)`."""
    node = node.func if isinstance(node, ast.Call) else node
    return isinstance(node, ast.Attribute) and node.attr == kind and isinstance(node.value, ast.Name)


def _in_turn(cells: list[_Function]) -> list[_Function]:
    """The cells in the order in which they are run: each behind those that give what it takes."""
    giving = {name: cell for cell in cells for name in _given(cell)}
    turn: dict[int, _Function] = {}
    begun = set[int]()

    def run(cell: _Function) -> None:
        # A notebook in which cells take of one another in a circle is none that runs.
        if id(cell) in begun:
            return
        begun.add(id(cell))
        for name in _taken(cell):
            if name in giving:
                run(giving[name])
        turn[id(cell)] = cell

    for cell in cells:
        run(cell)
    return list(turn.values())


def _taken(cell: _Function) -> list[str]:
    return [item.arg for item in cell.args.args]


def _given(cell: _Function) -> list[str]:
    """The names that a cell gives to others: it returns them."""
    last = cell.body[-1]
    value = last.value if isinstance(last, ast.Return) else None
    parts = value.elts if isinstance(value, ast.Tuple) else [value]
    return [part.id for part in parts if isinstance(part, ast.Name)]


def _statements(cell: _Function) -> list[ast.stmt]:
    return [statement for statement in cell.body if not isinstance(statement, ast.Return)]
