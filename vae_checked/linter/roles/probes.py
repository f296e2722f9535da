"""Draws that try a decoder out: of what it makes of them the shape alone is looked at."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from vae_checked.linter.files import syntax
from vae_checked.linter.symbols.expression import Expr

_SHAPES = frozenset(("shape", "size", "dim", "ndim", "numel", "dtype", "device"))


def is_a_probe(noise: Expr) -> bool:
    """Whether all that is made of a draw is asked for its shape, by names or where it is made."""
    site = noise.site
    if site is None:
        return False
    for block in syntax.blocks(site.source.cell.nodes):
        for place, statement in enumerate(block):
            if isinstance(statement, (ast.Assign, ast.Expr)) and any(
                node is site.node for node in syntax.descendants(statement)
            ):
                following = block[place + 1 :]
                if statement.value is site.node:
                    return bool(_named(statement)) and _is_measured(_named(statement), following)
                return _leads_to_shapes(statement, following, lambda node: node is site.node)
    return False


def _named(statement: ast.stmt) -> str:
    """The one name that a statement gives its value, empty where it gives none or several."""
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return targets[0].id if len(targets) == 1 and isinstance(targets[0], ast.Name) else ""


def _is_measured(name: str, following: Sequence[ast.stmt]) -> bool:
    """Whether every use of a name leads to a shape until the name is given to something else; one at the least."""
    found = False
    for place, statement in enumerate(following):
        if _uses(statement, name):
            if not _leads_to_shapes(statement, following[place + 1 :], lambda node: _is_use(node, name)):
                return False
            found = True
        if _named(statement) == name:
            break
    return found


def _leads_to_shapes(statement: ast.stmt, following: Sequence[ast.stmt], is_meant: Callable[[ast.AST], bool]) -> bool:
    """Whether what is meant stands below the asking for a shape, as in `print(net(z).shape)`, or what is made of it."""
    asked = {
        id(inner)
        for node in syntax.descendants(statement)
        if isinstance(node, ast.Attribute) and node.attr in _SHAPES
        for inner in ast.walk(node.value)
    }
    if all(id(node) in asked for node in syntax.descendants(statement) if is_meant(node)):
        return True
    made = _named(statement)
    return (
        bool(made)
        and isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Call)
        and (_is_measured(made, following))
    )


def _uses(statement: ast.stmt, name: str) -> bool:
    return any(_is_use(node, name) for node in syntax.descendants(statement))


def _is_use(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
