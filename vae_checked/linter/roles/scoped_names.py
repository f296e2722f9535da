"""Names by where they hold: that of a function's own variable is another one in each function that has it."""

from __future__ import annotations

import ast

from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import Cell
from vae_checked.record import dataclass


@dataclass(frozen=True, slots=True)
class _Functions:
    """Of the functions of a file: the innermost by the line, the variables of each, and the one that it stands in."""

    by_line: dict[int, syntax.Definition]
    own: dict[syntax.Definition, frozenset[str]]
    outer: dict[syntax.Definition, syntax.Definition | None]


def key_of(node: ast.AST, cell: Cell) -> str:
    """What distinguishes a name, an attribute or an item of a text as key from others; empty for anything else.

    A variable of a function is its own, one of a file that of all files, and an attribute that of all objects.
    """
    if isinstance(node, ast.Attribute):
        return f".{node.attr}"
    if isinstance(node, ast.Subscript):
        key = node.slice
        return f"[{key.value!r}]" if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
    if not isinstance(node, ast.Name):
        return ""
    functions = cell.read_once(_functions_of)
    around = functions.by_line.get(node.lineno)
    while around is not None:
        if node.id in functions.own[around]:
            return parameter_key(around, node.id)
        around = functions.outer[around]
    return node.id


def reads_in(cell: Cell) -> list[ast.Name | ast.Attribute]:
    """The names and the attributes that a file reads."""
    names = [node for node in cell.of(ast.Name) if isinstance(node.ctx, ast.Load)]
    return [*names, *(node for node in cell.of(ast.Attribute) if isinstance(node.ctx, ast.Load))]


def parameter_key(function: syntax.Definition, name: str) -> str:
    """The key of a variable of a function."""
    return f"{name}@{id(function)}"


def _functions_of(cell: Cell) -> _Functions:
    by_line: dict[int, syntax.Definition] = {}
    own_names: dict[syntax.Definition, frozenset[str]] = {}
    outer: dict[syntax.Definition, syntax.Definition | None] = {}
    # Outer ones come before those in them.
    for function in cell.functions:
        outer[function] = by_line.get(function.lineno)
        own_names[function] = own(function)
        by_line.update(dict.fromkeys(range(function.lineno, (function.end_lineno or function.lineno) + 1), function))
    return _Functions(by_line, own_names, outer)


def own(function: syntax.Definition | ast.Lambda) -> frozenset[str]:
    """The arguments and the variables of a function, without those of functions in it."""
    names: set[str] = set()
    shared: set[str] = set()
    spec = function.args
    given = (*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg)
    names |= {each.arg for each in given if each is not None}
    stack: list[ast.AST] = [function.body] if isinstance(function, ast.Lambda) else list(function.body)
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            shared |= set(node.names)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, (*syntax.DEFINITIONS, ast.ClassDef)):
            names.add(node.name)
            continue
        stack += syntax.children(node)
    return frozenset(names - shared)
