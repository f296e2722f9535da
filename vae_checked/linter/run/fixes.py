"""Edits for the findings that have one right answer: the text changes where the mistake stands and nowhere else."""

from __future__ import annotations

import ast

from vae_checked.catalogue import find
from vae_checked.catalogue.support.edits import Edit, apply, span_of
from vae_checked.finding import Finding, Place
from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import parsed

__all__ = ["Edit", "apply", "propose"]


# Parsed texts, and None for what no Python reads: that of a file with many findings is parsed once.
Trees = dict[str, ast.Module | None]


def propose(finding: Finding, text: str, trees: Trees | None = None) -> tuple[Edit, ...]:
    """The edits that fix `finding` in the text of its file, or of its cell; none where several answers are right.

    `trees` has what was parsed for other findings, and gets what is parsed here.
    """
    fixer = find(finding.code).fixer
    if fixer is None or finding.place is None or not finding.mendable:
        return ()
    tree = _tree(text, {} if trees is None else trees)
    if tree is None:
        return ()
    lines = text.split("\n")
    node = _at(tree, finding.place, lines)
    return () if node is None else tuple(fixer(node, lines))


def _tree(text: str, trees: Trees) -> ast.Module | None:
    if text not in trees:
        try:
            trees[text] = parsed(text)
        except (SyntaxError, ValueError, RecursionError):
            trees[text] = None
    return trees[text]


def _at(tree: ast.Module, place: Place, lines: list[str]) -> ast.expr | None:
    """The outermost expression that stands exactly at `place`."""
    wanted = (place.line, place.column, place.end_line, place.end_column)
    for node in syntax.descendants(tree):
        if isinstance(node, ast.expr) and node.lineno == place.line and span_of(node, lines) == wanted:
            return node
    return None
