"""Names and source lines that a terminal or a CI server would obey are text in every format, on either stream."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from unicodedata import category
from xml.etree import ElementTree

import pytest
from hostile_code import MISTAKE, module

from vae_checked.cli import FAILED, FOUND, main
from vae_checked.linter import lint
from vae_checked.reports import FORMATS, render
from vae_checked.text import inert, printable

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")

NAMES = {
    "colour": b"a\x1b[31m\x9b32mred.py",
    "line break": b"b\n::error file=x::made up\r\n##[error]too.py",
    "command": b"::error::c.py",
    "command of another server": b"##vso[task.complete]d.py",
    "direction": "e\u202eyp.\u2066exe.py".encode(),
    "line separators": "f\u2028::error::g\u2029h\x85i.py".encode(),
    "not UTF-8": b"caf\xe9\xff.py",
    "markup": b"<script>alert('x')</script>&\"]]>.py".replace(b"/", b"|"),
    "percent": b"j%0A%25::warning::k.py",
    "bell and delete": b"l\x07\x08\x7fm.py",
}
LINE = "std = torch.exp(logvar)  # \x1b[2J\x07 \u202e ##[group]x ::error::y \x9b\n"


def files(folder: Path, name: bytes) -> Path:
    path = os.path.join(os.fsencode(folder), name)  # noqa: PTH118  names of bytes
    text = module().replace("std = torch.exp(logvar)\n", LINE)
    with open(path, "wb") as file:  # noqa: PTH123  likewise
        file.write(text.encode())
    return Path(os.fsdecode(path))


def assert_inert(text: str, *, of_commands: bool) -> None:
    text.encode()
    assert {letter for letter in text if category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")} <= {"\n", "\t"}
    for line in text.split("\n"):
        if not of_commands:
            assert not line.lstrip().startswith("::")
            assert not any(f"##{word}[" in line for word in ("", "vso", "group", "error"))


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_names_are_text(name: str, format_name: str, tmp_path: Path) -> None:
    files(tmp_path, NAMES[name])
    report = lint([tmp_path])
    text = render(report, format_name, verbose=True) if format_name == "text" else render(report, format_name)
    assert MISTAKE in text
    if format_name in ("json", "sarif", "gitlab"):
        assert text.isascii()
        # No half of a pair of surrogates is in it, which other readers of JSON refuse.
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    if format_name == "junit":
        assert ElementTree.fromstring(text).tag == "testsuites"
    assert_inert(text, of_commands=format_name == "github")
    if format_name == "github":
        # One command for each finding or remark, and the closing line.
        assert all(line.startswith("::") for line in text.splitlines()[:-1])
        assert len(text.splitlines()) == len(report.findings) + len(report.remarks) + len(report.unread) + 1


@pytest.mark.parametrize("format_name", FORMATS)
def test_what_is_written_is_text(format_name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in NAMES.values():
        files(tmp_path, name)
    assert main(["lint", "--no-cache", "--format", format_name, str(tmp_path)]) == FOUND
    told = capsys.readouterr()
    assert_inert(told.out, of_commands=format_name == "github")
    assert told.err == ""


def test_errors_are_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (*NAMES.values(), b"n\x1b[31m.py"):
        missing = os.fsdecode(os.path.join(os.fsencode(tmp_path), name))  # noqa: PTH118  names of bytes
        assert main(["lint", "--no-cache", missing]) == FAILED
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.count("\n") == 1
        assert_inert(told.err, of_commands=False)


def test_carets_stand_below_what_was_written_out(tmp_path: Path) -> None:
    path = files(tmp_path, b"model.py")
    path.write_text(path.read_text(encoding="utf-8").replace("std = torch", "_ = '\x1b'; std = torch"), "utf-8")
    report = lint([path])
    lines = render(report, "text").splitlines()
    (row,) = (index for index, line in enumerate(lines) if "std = torch.exp(logvar)" in line and " | " in line)
    carets = lines[row + 1]
    assert lines[row][carets.index("^") : carets.rindex("^") + 1] == "torch.exp(logvar)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain é 中 😀", "plain é 中 😀"),
        ("a\x1b[0m", "a\\x1b[0m"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\udcff\udc80", "\\xff\\x80"),
        ("\u202e\u2028\x85", "\\u202e\\u2028\\x85"),
        ("C:\\new", "C:\\new"),
    ],
)
def test_what_is_not_printable_is_written_out(text: str, expected: str) -> None:
    assert printable(text) == expected
    assert printable(printable(text)) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("::error::x", "\\::error::x"),
        ("  ::add-mask::x", "  \\::add-mask::x"),
        ("x ::error::", "x ::error::"),
        ("a ##[group]", "a #\\#[group]"),
        ("##vso[x] ##[y]", "#\\#vso[x] #\\#[y]"),
        ("## heading [1]", "## heading [1]"),
        ("::e\n::f", "\\::e\\n::f"),
    ],
)
def test_a_line_is_no_command(line: str, expected: str) -> None:
    assert inert(line) == expected
