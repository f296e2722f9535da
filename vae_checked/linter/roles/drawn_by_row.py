"""Draws that a loop over the rows of the heads makes anew in each turn: none of them is shared by the rows."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from vae_checked.linter.files import syntax
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import Expr, Site, walk
from vae_checked.linter.symbols.rows import is_computed

_COMPREHENSIONS = (ast.ListComp, ast.GeneratorExp, ast.SetComp)
_FUNCTIONS = (*syntax.DEFINITIONS, ast.Lambda)


def is_made_for_each(site: SamplerSite) -> bool:
    """Whether rows are taken of the mean, and the draw is written in what is run for each: a loop, or a function."""
    drawn = site.noise.site
    z = None if site.z.site is None else site.z.site.node
    return drawn is not None and any(_is_drawn_for(row, drawn, z) for row in walk(site.location))


def _is_drawn_for(row: Expr, drawn: Site, z: ast.AST | None) -> bool:
    taken = row.site
    if taken is None or row.op not in ("item", "index", "part") or not is_computed(row.args[0]):
        return False
    if _is_of_a_turn(row, taken) and _function_around(taken) is not _function_around(drawn):
        # What a function is handed rows for, it draws for each of them; a draw that it is handed stands outside of it.
        return True
    return any(
        syntax.holds(over, taken.node)
        or (row.op != "part" and any(_mentions(node, counted) for node in (taken.node, z) if node is not None))
        for over, counted in _loops_around(drawn)
    )


def _is_of_a_turn(row: Expr, taken: Site) -> bool:
    """Whether each turn of a loop takes another row: each of the items, or the one of the turn's number."""
    if row.op == "item":
        return row.get("index") == "any"
    key = taken.node.slice if isinstance(taken.node, ast.Subscript) else None
    return row.op == "index" and key is not None and any(_mentions(key, names) for _, names in _loops_around(taken))


def _function_around(site: Site) -> ast.AST | None:
    """The innermost function or lambda around a node."""
    around = [each for each in site.source.cell.nodes if isinstance(each, _FUNCTIONS) and syntax.holds(each, site.node)]
    return around[-1] if around else None


def _loops_around(site: Site) -> Iterator[tuple[ast.AST, frozenset[str]]]:
    """What each loop around a node goes over, and the names that are others in each of its turns."""
    for node in site.source.cell.nodes:
        if isinstance(node, (ast.For, ast.AsyncFor)) and _is_repeated(site.node, node.body):
            yield node.iter, _names(node.target)
        elif isinstance(node, ast.While) and _is_repeated(site.node, node.body):
            inside = (each for statement in node.body for each in syntax.statements(statement))
            counted = (_names(each.target) for each in inside if isinstance(each, ast.AugAssign))
            yield node.test, frozenset().union(*counted)
        elif isinstance(node, _COMPREHENSIONS) and syntax.holds(node.elt, site.node):
            for generator in node.generators:
                yield generator.iter, _names(generator.target)


def _is_repeated(node: ast.AST, body: list[ast.stmt]) -> bool:
    return any(syntax.holds(statement, node) for statement in body)


def _names(target: ast.AST) -> frozenset[str]:
    return frozenset(each.id for each in syntax.descendants(target) if isinstance(each, ast.Name))


def _mentions(node: ast.AST, names: frozenset[str]) -> bool:
    return any(isinstance(each, ast.Name) and each.id in names for each in syntax.descendants(node))
