"""Clamps that an option asks for which a mapping of settings may have switched off."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from vae_checked.facts import Facts, Origin
from vae_checked.linter.files import syntax
from vae_checked.linter.symbols.values import Module

_Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def may_be_off(facts: Facts, modules: Iterable[Module]) -> bool:
    """Whether the clamp that is found stands in a branch, of what is somewhere made or called with `**settings`.

    Which branch is run there nobody knows who has not read the settings: the default says nothing. Where the branch
    holds the `decode` as well, and the other one decodes nothing, nothing is decoded without the clamp.
    """
    clamped = facts.latents.clamped
    if clamped is None or clamped.value is None:
        return False
    known = list(modules)
    module = next((each for each in known if each.path == _path(clamped.origin)), None)
    vae = facts.latents.vae
    names = set() if module is None else _chosen_in(module, clamped.origin, None if vae is None else vae.origin)
    if not names:
        return False
    mapped = re.compile(rf"\b(?:{'|'.join(sorted(map(re.escape, names)))})\((?:[^()]|\([^()]*\))*\*\*")
    return any(mapped.search(cell.text) is not None for each in known for cell in each.file.cells)


def _path(origin: Origin) -> str:
    return "" if origin.place is None else origin.place.path


def _chosen_in(module: Module, origin: Origin, decode: Origin | None) -> set[str]:
    """The names of the class and the functions around a clamp that stands in a branch of an `if`; none for another."""
    line = 0 if origin.place is None else origin.place.line
    in_file = decode is not None and decode.place is not None and decode.place.path == module.path
    used = decode.place.line if in_file and decode is not None and decode.place is not None else 0
    for source in module.sources:
        if origin.place is not None and source.cell.number == origin.place.cell:
            around = [node for node in syntax.descendants(source.cell.tree) if _holds(node, line)]
            if any(
                isinstance(node, ast.If) and line > node.test.lineno and not _is_of_the_decode(node, line, used)
                for node in around
            ):
                return {node.name for node in around if isinstance(node, _Definition)}
    return set()


def _is_of_the_decode(branches: ast.If, line: int, decode: int) -> bool:
    """Whether the branch that has a line decodes as well, at a line, and the other one does not."""
    inside, other = branches.body, branches.orelse
    if not any(_holds(each, line) for each in inside):
        inside, other = other, inside
    decodes = (
        isinstance(node, ast.Attribute) and "decode" in node.attr for statement in other for node in ast.walk(statement)
    )
    return any(_holds(each, decode) for each in inside) and not any(decodes)


def _holds(node: ast.AST, line: int) -> bool:
    first = getattr(node, "lineno", None)
    return first is not None and first <= line <= (getattr(node, "end_lineno", None) or 0)
