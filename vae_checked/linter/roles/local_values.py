"""What a function gives its own names, as it is written."""

from __future__ import annotations

import ast

from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import Cell

_Given = dict[str, list[ast.expr]]


def local_values(function: syntax.Definition, name: str, cell: Cell) -> list[ast.expr]:
    """The values of the assignments to a name in a function of this text; none where it is one of the parameters."""
    spec = function.args
    if name in (each.arg for each in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)):
        return []
    # Every draw of a function asks: its nodes are gone through for the first of them alone.
    known = cell.read_once(_functions)
    if function not in known:
        known[function] = _given(function)
    return known[function].get(name, [])


def _functions(_: Cell) -> dict[syntax.Definition, _Given]:
    return {}


def _given(function: syntax.Definition) -> _Given:
    found: _Given = {}
    for node in syntax.descendants(function):
        if isinstance(node, ast.Assign):
            for name in {each.id for each in node.targets if isinstance(each, ast.Name)}:
                found.setdefault(name, []).append(node.value)
    return found
