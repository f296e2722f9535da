"""Code of Python 3.12 and 3.14 is read by an earlier Python too: each place stays where it is in the file."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from vae_checked.catalogue import find
from vae_checked.cli import main
from vae_checked.linter import lint
from vae_checked.linter.files.newer_syntax import as_earlier
from vae_checked.linter.files.source import parsed

BAD = find("VAE201").bad.replace("  # VAE201", "")
LINE = 1 + BAD.splitlines().index("        std = torch.exp(logvar)")

# What a text of today says, up to the marker, and what an earlier Python reads there: None where that is not known.
SHOWN = {
    "the same quotes": ('f"of {run["name"]}"; marker = 1', "f'of {run[\"name\"]}'"),
    "single ones": ("f'of {run['name']}'; marker = 1", "f'of {run[\"name\"]}'"),
    "two fields": (
        'f"{a["x"]} {b.get("y", 3):>{width["z"]}}"; marker = 1',
        'f\'{a["x"]} {b.get("y", 3):>{width["z"]}}\'',
    ),
    "a conversion": ('f"{a["x"]!r:>9}"; marker = 1', "f'{a[\"x\"]!r:>9}'"),
    "three quotes": ('f"""{a["x"]} {b["""y"""]}"""; marker = 1', 'f\'{a["x"]} {b["y"]}\''),
    "braces": ('f"{{{a["x"]}}}"; marker = 1', "f'{{{a[\"x\"]}}}'"),
    "a dict in a field": ('f"{ {"x": 3}["x"] }"; marker = 1', 'f\'{ {"x": 3}["x"] }\''),
    "a raw one": ('rf"\\d{a["x"]}\\""; marker = 1', 'rf\'\\d{a["x"]}\\"\''),
    "a named letter": ('f"\\N{BULLET} {a["x"]}"; marker = 1', "f'\\N{BULLET} {a[\"x\"]}'"),
    "a comparison": ('f"{a["x"] != b["y"]}"; marker = 1', 'f\'{a["x"] != b["y"]}\''),
    "bytes and braces before it": ('(b"{", "}", f"{a["x"]}"); marker = 1', "(b'{', '}', f'{a[\"x\"]}')"),
    "a backslash": ("f\"{'\\n'.join(lines)}\"; marker = 1", None),
    "an f-string in an f-string": ('f"{f"{inner}"} and more"; marker = 1', None),
    "a quote in a string": ('f"{names["it\'s"]}"; marker = 1', None),
    "lines in a field": ('f"{\n    sum(sizes)  # all of them: {\n    + 3\n}"; marker = 1', None),
}


@pytest.mark.parametrize(("text", "same"), SHOWN.values(), ids=SHOWN.keys())
def test_a_formatted_text_is_read(text: str, same: str | None) -> None:
    earlier = as_earlier(text) if sys.version_info < (3, 12) else text
    assert earlier is not None
    shown, marker = ast.parse(earlier).body
    if same is not None:
        assert ast.dump(shown) == ast.dump(ast.parse(same).body[0])
    elif sys.version_info < (3, 12):
        assert [node.id for node in ast.walk(shown) if isinstance(node, ast.Name)] == ["__"]
    before = text[: text.index("marker")]
    assert (marker.lineno, marker.col_offset) == (1 + before.count("\n"), len(before) - (before.rfind("\n") + 1))


PARAMETERS = """\
type Pair[T] = tuple[T, T]
type Size = int
class Kept[T](list[T]):
    def first[U: (int, str)](self, other: U) -> T: marker = 1
async def read[*Ts, **P](size: Size): marker = 2
class Sized[
    N: (int, str),  # of rows ]

](list[N]): marker = 3
"""


def test_type_parameters_and_aliases_are_read() -> None:
    tree = parsed(PARAMETERS)
    bound = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    assert {"Pair", "Size"} <= set(bound)
    named = [
        node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert set(named) == {"Kept", "first", "read", "Sized"}
    markers = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "marker"]
    lines = PARAMETERS.splitlines()
    places = {(each.lineno, each.col_offset) for each in markers}
    assert places == {(number, lines[number - 1].index("marker")) for number in (4, 5, 9)}


CAUGHT = {
    "two": "try:\n    a\nexcept ValueError, lib.KeyError : marker = 1\n",
    "groups": "try:\n    a\nexcept* ValueError, KeyError, OSError: marker = 1\n",
}


@pytest.mark.parametrize("text", CAUGHT.values(), ids=CAUGHT.keys())
def test_exceptions_without_brackets_are_read(text: str) -> None:
    (marker,) = (node for node in ast.walk(parsed(text)) if isinstance(node, ast.Name) and node.id == "marker")
    assert (marker.lineno, marker.col_offset) == (3, text.splitlines()[2].index("marker"))


@pytest.mark.parametrize("text", ['t"{kind["x"]!r:>9}"; marker = 1', "rt'{kind}\\d'; marker = 1"])
def test_what_a_template_shows_is_not_known(text: str) -> None:
    tree = parsed(text)
    shown = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {"marker"}
    assert shown == ({"kind"} if sys.version_info >= (3, 14) else {"__"})
    assert tree.body[1].col_offset == text.index("marker")


OLDER = {
    "what every Python reads": 'f"{a}" + f\'{b["x"]}\' + "{" + rb\'"\'  # f"{c["y"]}"',
    "type is a name": "type = 3\ntype [0]\nprint(type)\n",
    "a string without an end": 'f"{a["x"]}" + f"{',
    "a bracket without an end": 'f"{a["x"}',
    "a comment without an end": 'f"{a["x"] # ',
    "fields in fields without an end": 'f"{' * 3000,
    "a head without an end": "def read[" * 300,
}


@pytest.mark.parametrize("text", OLDER.values(), ids=OLDER.keys())
def test_what_is_not_newer_is_left_as_it_is(text: str) -> None:
    if sys.version_info >= (3, 12) and "without" not in text:
        text += "\n"
    assert as_earlier(text) is None


NEWER = """\
type Shape = tuple[int, ...]

def log[T](run: dict[str, T], lines: list[str]) -> None:
    print(f"run {run["name"]} {'\\n'.join(lines)}")

"""


def test_a_mistake_below_newer_syntax_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.py"
    path.write_text(NEWER + BAD)
    report = lint([path])
    assert not report.unread
    assert not report.remarks
    (finding,) = report.findings
    assert finding.code == "VAE201"
    assert finding.place is not None
    assert (finding.place.line, finding.place.text.strip()) == (NEWER.count("\n") + LINE, "std = torch.exp(logvar)")
    main(["lint", "--fix", "--no-cache", str(path)])
    capsys.readouterr()
    fixed = path.read_text()
    assert fixed.startswith(NEWER)
    assert not lint([path]).findings


def test_an_error_of_every_python_is_named_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(NEWER + 'print "old"\n' + BAD)
    ((_, reason),) = lint([tmp_path]).unread
    assert f"(line {1 + NEWER.count(chr(10))})" in reason
