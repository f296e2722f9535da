"""Rules on how things are written: the names of tests, and a docstring for all that is public."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LONGEST_NAME = 69


def long_names(source: str) -> list[str]:
    """The tests whose name is longer than a line of a report has room for."""
    # To parse a file takes long: one without such a word defines no such test.
    if not re.search(rf"test_\w{{{LONGEST_NAME - 4},}}", source):
        return []
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


def shared_names(paths: list[Path]) -> list[str]:
    """The names of files that lie in several folders: pytest imports test files by their names alone."""
    counts = Counter(path.name for path in paths)
    return sorted(name for name, count in counts.items() if count > 1)


def test_no_two_files_of_tests_bear_one_name() -> None:
    assert shared_names(list((ROOT / "tests").rglob("test_*.py"))) == []


def test_a_second_file_of_one_name_is_seen() -> None:
    assert shared_names([Path("a/test_x.py"), Path("b/test_x.py"), Path("b/test_y.py")]) == ["test_x.py"]


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def undocumented(source: str) -> list[str]:
    """The public functions, methods and classes of a module without a docstring.

    The members of a protocol are described by the docstring of the protocol, which says what all of them are.
    """

    def within(body: list[ast.stmt], prefix: str) -> Iterator[str]:
        for node in body:
            if not isinstance(node, Definition) or node.name.startswith("_"):
                continue
            if not ast.get_docstring(node):
                yield f"{prefix}{node.name}"
            if isinstance(node, ast.ClassDef) and not any("Protocol" in ast.unparse(base) for base in node.bases):
                yield from within(node.body, f"{prefix}{node.name}.")

    return list(within(ast.parse(source).body, ""))


def test_everything_public_has_a_docstring() -> None:
    missing = {
        str(path.relative_to(ROOT)): names
        for path in sorted((ROOT / "vae_checked").rglob("*.py"))
        if (names := undocumented(path.read_text(encoding="utf-8")))
    }
    assert missing == {}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def encode(x): ...", ["encode"]),
        ("async def encode(x): ...", ["encode"]),
        ("class VAE: ...", ["VAE"]),
        ("class VAE:\n    'A model.'\n    def encode(self): ...", ["VAE.encode"]),
        ("class VAE:\n    'A model.'\n    @property\n    def width(self): ...", ["VAE.width"]),
        ("class VAE(Protocol):\n    def encode(self): ...", ["VAE"]),
        ("def encode(x):\n    ''", ["encode"]),
    ],
)
def test_a_missing_docstring_is_seen(source: str, names: list[str]) -> None:
    assert undocumented(source) == names


@pytest.mark.parametrize(
    "source",
    [
        "def _encode(x): ...",
        "def encode(x):\n    'mu and logvar of x.'\n    def inner(): ...",
        "class VAE:\n    'A model.'\n    def __init__(self): ...\n    def _encode(self): ...",
        "class VAE(Protocol):\n    'What encodes.'\n    def encode(self): ...",
    ],
)
def test_what_is_private_or_described_by_its_protocol_needs_none(source: str) -> None:
    assert undocumented(source) == []
