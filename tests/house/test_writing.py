"""Rules on how things are written: the names of tests, and a docstring for all that is public."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LONGEST_NAME = 69


def long_names(source: str) -> list[str]:
    """The tests whose name is longer than a line of a report has room for."""
    return [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.name.startswith("test_")
        and len(node.name) > LONGEST_NAME
    ]


def test_the_names_of_tests_are_under_70_letters() -> None:
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    assert [name for path in files for name in long_names(path.read_text(encoding="utf-8"))] == []


def test_a_long_name_is_seen() -> None:
    long, short = f"test_{'y' * 65}", f"test_{'x' * 64}"
    assert long_names(f"def {short}(): ...\nclass A:\n    def {long}(self): ...") == [long]
