"""Whether code is part of a test: what is done there is done to see whether something works, not to use it."""

from __future__ import annotations

import ast
from pathlib import PurePath

from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import SourceCell

# What a test is written with, and the folders of tests.
_OF_TESTS, _FOLDERS = frozenset(("pytest", "unittest")), frozenset(("test", "tests"))


def is_of_a_test(source: SourceCell, node: ast.AST) -> bool:
    """Whether a node stands in a test.

    A folder of tests may be one of scripts that evaluate a model: there a test is what asserts, or what is run by
    pytest or unittest.
    """
    path = PurePath(source.path)
    if path.stem.startswith("test_") or path.stem.endswith("_test"):
        return True
    if _FOLDERS.isdisjoint(path.parts):
        return False
    cell, line = source.cell, getattr(node, "lineno", 0)
    imports: list[ast.Import | ast.ImportFrom] = [*cell.of(ast.Import), *cell.of(ast.ImportFrom)]
    tests = (each for each in cell.functions if each.lineno <= line <= (each.end_lineno or 0) and _tests(each))
    return any(tests) or not all(_OF_TESTS.isdisjoint(_tops(each)) for each in imports)


def is_in_a_test(source: SourceCell, node: ast.AST) -> bool:
    """Whether a node stands in the function of a test itself, and not in what a test calls."""
    line = getattr(node, "lineno", 0)
    return is_of_a_test(source, node) and any(
        each.name.startswith("test_") and each.lineno <= line <= (each.end_lineno or 0)
        for each in source.cell.functions
    )


def _tests(function: syntax.Definition) -> bool:
    return function.name.startswith("test") or any(
        isinstance(node, ast.Assert) for node in syntax.descendants(function)
    )


def _tops(node: ast.Import | ast.ImportFrom) -> set[str]:
    """The first parts of the names of the modules that a statement imports from."""
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [name.name for name in node.names]
    return {name.partition(".")[0] for name in names}
