"""From paths to text: encodings, notebooks, what is skipped, what is refused, and that nothing is executed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vae_checked.catalogue import find
from vae_checked.cli import main
from vae_checked.errors import UsageError
from vae_checked.finding import RemarkKind
from vae_checked.linter import LintReport, lint
from vae_checked.linter.files.discovery import Passed
from vae_checked.linter.files.ignore_rules import parse_rule

BAD = find("VAE201").bad.replace("  # VAE201", "")
GOOD = find("VAE201").good
LINE = 1 + BAD.splitlines().index("        std = torch.exp(logvar)")


def codes(report: LintReport) -> list[str]:
    return [finding.code for finding in report.findings]


def notebook(*cells: str, kind: str = "code") -> str:
    return json.dumps({"cells": [{"cell_type": kind, "source": cell.splitlines(keepends=True)} for cell in cells]})


# ------------------------------------------------------------------------------------------------------ text


NOTE = "# \xe9\xfc\n"
ENCODED = {
    "utf-8": (NOTE + BAD).encode(),
    "bom": b"\xef\xbb\xbf" + BAD.encode(),
    "crlf": BAD.replace("\n", "\r\n").encode(),
    "cr": BAD.replace("\n", "\r").encode(),
    "latin-1": ("# -*- coding: latin-1 -*-\n" + NOTE + BAD).encode("latin-1"),
    "cp1252": ("#!/usr/bin/env python\n# coding: cp1252\n# \u20ac\n" + BAD).encode("cp1252"),
}


@pytest.mark.parametrize("data", ENCODED.values(), ids=ENCODED.keys())
def test_every_encoding_is_read(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_bytes(data)
    report = lint([path])
    assert codes(report) == ["VAE201"]
    place = report.findings[0].place
    assert place is not None
    assert place.text.strip() == "std = torch.exp(logvar)"
    before = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").partition(b"std = torch.exp(logvar)")[0]
    assert place.line == 1 + before.count(b"\n")


def test_columns_count_characters(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(BAD.replace("std = torch.exp", 's = "\u03c3\u00b2\U0001f600"; std = torch.exp'), encoding="utf-8")
    place = lint([path]).findings[0].place
    assert place is not None
    assert place.text[place.column - 1 :].startswith("torch.exp(logvar)")


NOT_PYTHON = {
    "binary": b"\x7fELF\x00\x01import torch logvar",
    "utf-16": BAD.encode("utf-16"),
    "latin-1 undeclared": b"import torch  # logvar \xe9\xff\nx = 1\n",
    "unknown encoding": b"# coding: no-such-code\nimport torch\ntorch.randn(3).exp()\n",
    "broken": b"import torch\ndef f(:\n    torch.exp(torch.randn(2))\n",
    "tabs and spaces": b"import torch\nif 1:\n\tx = 1\n        y = torch.randn(3).exp()\n",
    "nested": b"import torch\nx = torch.randn_like(logvar=" + 3000 * b"(" + b"1" + 3000 * b")" + b")\n",
    "nested lists": b"import torch\nx = torch.randn_like(logvar=" + 150 * b"[" + 150 * b"]" + 90000 * b"-" + b"1)\n",
}


@pytest.mark.parametrize("kind", sorted(NOT_PYTHON.keys() - {"utf-16"}))
def test_a_file_that_is_not_python_is_one_entry_and_the_rest_is_read(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(NOT_PYTHON[kind])
    (tmp_path / "model.py").write_text(BAD)
    report = lint([tmp_path])
    assert codes(report) == ["VAE201"]
    ((path, reason),) = report.unread
    assert path == str(tmp_path / "a.py")
    assert reason.startswith("not Python")
    assert "\n" not in reason


@pytest.mark.parametrize("data", NOT_PYTHON.values(), ids=NOT_PYTHON.keys())
def test_a_file_that_was_named_and_is_not_python_is_refused(
    data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(data)
    with pytest.raises(UsageError, match="not Python") as refusal:
        lint([path])
    assert str(path) in str(refusal.value)
    assert "give Python files, notebooks or folders" in str(refusal.value)
    assert main(["lint", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_what_was_named_and_read_is_judged_beside_what_was_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, broken = tmp_path / "model.py", tmp_path / "broken.py"
    model.write_text(BAD)
    broken.write_text("def f(:\n")
    report = lint([model, broken])
    assert codes(report) == ["VAE201"]
    assert [path for path, _ in report.unread] == [str(broken)]
    assert main(["lint", str(model), str(broken)]) == 2
    said = capsys.readouterr()
    assert "VAE201" in said.out
    assert "broken.py: not Python" in said.err


NEWER = {
    "type parameters": "class Box[T]:\n    pass\n",
    "quotes in an f-string": "said = f'{kinds['mse']}'\n",
    "a template": "kind = 'mse'\nsaid = t'{kind!r:>9}'\n",
    "bare exceptions": "try:\n    pass\nexcept ValueError, KeyError:\n    pass\n",
}


@pytest.mark.parametrize("text", NEWER.values(), ids=NEWER.keys())
def test_newer_syntax_is_read_by_every_python(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(f"{BAD}\n{text}")
    (tmp_path / "b.py").write_text(BAD)
    report = lint([tmp_path])
    assert codes(report) == ["VAE201"] * 2
    assert not report.unread


def test_what_no_python_reads_is_said_with_this_one_and_the_line(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(f"{BAD}\nclass Box[T]:\n    pass\n\nfor each in:\n    pass\n")
    (tmp_path / "b.py").write_text(BAD)
    report = lint([tmp_path])
    assert codes(report) == ["VAE201"]
    ((_, reason),) = report.unread
    line = BAD.count("\n") + 5
    assert re.fullmatch(r"not Python {}\.{}: .+ \(line {}\)".format(*sys.version_info[:2], line), reason)


def test_a_huge_file_is_one_entry(tmp_path: Path) -> None:
    (tmp_path / "data.py").write_bytes(b"import torch\ntorch.randn(3)\n" + b"# padding\n" * 500_000)
    ((_, reason),) = lint([tmp_path]).unread
    assert "larger than" in reason


def test_paths_that_cannot_be_meant_are_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.py"
    os.mkfifo(pipe)
    for path, said in (
        (tmp_path / "nowhere.py", "no such file or folder"),
        (pipe, "neither a file nor a folder"),
        (tmp_path / ("a" * 5000), "too long"),
    ):
        with pytest.raises(UsageError, match=said):
            lint([path])


def test_a_pipe_below_a_folder_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    assert lint([tmp_path]).files_read == 0


# ------------------------------------------------------------------------------------------------- notebooks


def test_a_notebook_is_read_cell_by_cell(tmp_path: Path) -> None:
    head, tail = BAD.split("\n\n\ndef loss_function")
    imports, body = head.split("\n\n\nclass VAE", 1)
    path = tmp_path / "book.ipynb"
    cells = (
        "# Title",
        "%matplotlib inline\n!pip install torch\n" + imports,
        "class VAE" + body,
        "def loss_function" + tail,
    )
    path.write_text(notebook(*cells))
    (finding,) = lint([path]).findings
    assert finding.code == "VAE201"
    assert finding.place is not None
    assert finding.place.cell == 2
    assert finding.place.text.strip() == "std = torch.exp(logvar)"
    assert finding.place.line == 1 + cells[2].splitlines().index(finding.place.text)
    assert {related.place.cell for related in finding.related} == {3}


def test_the_number_of_a_cell_counts_text_cells_too(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# A VAE with torch.randn"]},
        {"cell_type": "code", "source": BAD},
        {"cell_type": "raw", "source": "raw"},
    ]
    path = tmp_path / "book.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    (finding,) = lint([path]).findings
    assert finding.place is not None
    assert (finding.place.cell, finding.place.line) == (1, LINE)


MAGICS = {
    "line magic": "%load_ext autoreload\n",
    "shell": "!ls -la\n",
    "assigned shell": "files = !ls\n",
    "assigned magic": "out = %timeit -o sum([1])\n",
    "help": "torch.exp?\n",
    "help before": "?torch.exp\n",
    "cell time": "%%time\n",
    "cell capture": "%%capture out\n",
    "a folder by itself": "cd ./data\n",
    "packages by themselves": "pip install -q 'lightning>=2'\n",
    "an extension by itself": "if True:\n    load_ext autoreload\n",
    "modulo at a line's start": "label = ('%d'\n% 3)\n",
}


@pytest.mark.parametrize("magic", MAGICS.values(), ids=MAGICS.keys())
def test_magics_do_not_hide_a_cell(magic: str, tmp_path: Path) -> None:
    path = tmp_path / "book.ipynb"
    path.write_text(notebook(magic + BAD))
    report = lint([path])
    assert codes(report) == ["VAE201"]
    assert report.findings[0].place is not None
    assert report.findings[0].place.line == LINE + magic.count("\n")
    assert report.unread == ()


def test_cells_in_other_languages_are_no_python(tmp_path: Path) -> None:
    path = tmp_path / "book.ipynb"
    path.write_text(notebook("%%bash\nfor f in *; do echo $f; done", "%%html\n<b>torch.randn</b>", BAD))
    report = lint([path])
    assert codes(report) == ["VAE201"]
    assert report.unread == ()


def test_a_broken_cell_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "book.ipynb"
    path.write_text(notebook("def f(:", BAD))
    report = lint([path])
    assert codes(report) == ["VAE201"]
    ((where, reason),) = report.unread
    assert where == f"{path}:cell 0"
    assert reason.startswith("not Python")


@pytest.mark.parametrize("text", ["torch randn {", "[]", '{"cells": 3}', '{"torch": "randn"}', "[" * 100_000])
def test_a_notebook_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "book.ipynb"
    path.write_text(text)
    with pytest.raises(UsageError, match="not a notebook"):
        lint([path])


def test_an_old_notebook_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old.ipynb"
    path.write_text(json.dumps({"worksheets": [{"cells": [{"cell_type": "code", "input": BAD}]}]}))
    assert codes(lint([path])) == ["VAE201"]


# ----------------------------------------------------------------------------------------------- suppression


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "# noqa: VAE201",
        "# NOQA:vae201",
        "# noqa: E501, VAE201",
        "# vae-checked: ignore",
        "# vae-checked: ignore[VAE201]",
        "# vae-checked: ignore[VAE301, VAE201]",
        "# noqa: E501  # vae-checked: ignore[VAE201]",
        "# the std is meant  # noqa: VAE201",
    ],
)
def test_a_comment_switches_a_finding_off(comment: str, tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(BAD.replace("std = torch.exp(logvar)", f"std = torch.exp(logvar)  {comment}"))
    report = lint([path])
    assert report.findings == ()
    assert bool(report.remarks) is ("VAE301" in comment)


@pytest.mark.parametrize(
    "comment", ["# noqa: E501", "# noqa: VAE301", "# vae-checked: ignore[VAE301]", "# no qa", "; t = '# noqa'"]
)
def test_another_comment_does_not(comment: str, tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(BAD.replace("std = torch.exp(logvar)", f"std = torch.exp(logvar)  {comment}"))
    assert codes(lint([path])) == ["VAE201"]


def test_a_comment_at_the_end_of_a_long_expression_counts(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    long = "std = torch.exp(\n            logvar\n        )  # noqa: VAE201"
    path.write_text(BAD.replace("std = torch.exp(logvar)", long))
    assert lint([path]).findings == ()


def test_a_comment_in_a_cell_counts_for_its_cell(tmp_path: Path) -> None:
    path = tmp_path / "book.ipynb"
    off = BAD.replace("std = torch.exp(logvar)", "std = torch.exp(logvar)  # noqa: VAE201")
    path.write_text(notebook("x = 1", off))
    assert lint([path]).findings == ()


def test_unused_suppressions_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.py"
    own = "std = torch.exp(0.5 * logvar)  # vae-checked: ignore[VAE201]"
    text = GOOD.replace("std = torch.exp(0.5 * logvar)", own).replace("import torch\n", "import torch  # noqa\n", 1)
    path.write_text(text)
    report = lint([path])
    (remark,) = report.remarks
    assert (remark.kind, remark.place.line) == (RemarkKind.UNUSED_SUPPRESSION, LINE)
    assert str(remark) == f"{path}:{LINE}: VAE201 not found here: the comment can go"
    assert main(["lint", str(path)]) == 0
    out = capsys.readouterr().out
    assert f"unused suppressions:\n  {remark}" in out
    assert "1 unused suppression" in out


def test_what_was_not_examined_is_not_called_unused(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(GOOD.replace("0.5 * logvar)\n        eps", "0.5 * logvar)  # noqa: VAE201\n        eps"))
    assert len(lint([path]).remarks) == 1
    assert lint([path], ignore=["VAE2"]).remarks == ()


# --------------------------------------------------------------------------------------------------- folders


def tree(folder: Path, *paths: str) -> None:
    for path in paths:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("x = 1\n")


def listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    from vae_checked.linter.files.source import discover

    monkeypatch.chdir(folder)
    return {path.as_posix() for path, _ in discover(["."], Passed())}


def test_environments_and_caches_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "a.py", ".venv/b.py", "sub/site-packages/c.py", "sub/d.ipynb", "sub/e.txt", ".git/f.py")
    assert listed(tmp_path, monkeypatch) == {"a.py", "sub/d.ipynb"}


def test_links_to_folders_are_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "a.py", "sub/b.py")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    (tmp_path / "dead.py").symlink_to(tmp_path / "nowhere.py")
    (tmp_path / "link.py").symlink_to(tmp_path / "a.py")
    assert listed(tmp_path, monkeypatch) == {"a.py", "sub/b.py", "link.py"}


def test_paths_are_told_as_they_were_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "model.py").write_text(BAD)
    monkeypatch.chdir(tmp_path)
    for given, told in (
        ("src", "src/model.py"),
        (".", "src/model.py"),
        ("src/model.py", "src/model.py"),
        (str(tmp_path), str(tmp_path / "src" / "model.py")),
        ("../" + tmp_path.name, f"../{tmp_path.name}/src/model.py"),
    ):
        place = lint([given]).findings[0].place
        assert place is not None
        assert place.path == told


def test_a_file_given_twice_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(BAD)
    report = lint([tmp_path, path, path])
    assert report.files_read == 1
    assert codes(report) == ["VAE201"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_cannot_be_listed_is_told(tmp_path: Path) -> None:
    tree(tmp_path, "a.py", "closed/b.py")
    (tmp_path / "closed").chmod(0)
    try:
        report = lint([tmp_path])
    finally:
        (tmp_path / "closed").chmod(0o755)
    assert report.unread == ((str(tmp_path / "closed"), "Permission denied"),)


IGNORES = {
    "name": "skip.py",
    "anchored": "/skip.py",
    "folder": "sub/",
    "folder anywhere": "deep/",
    "star": "*_test.py",
    "middle": "sub/skip.py",
    "double star": "**/deep/*.py",
    "inner double star": "sub/**/skip.py",
    "trailing double star": "sub/**",
    "question": "ski?.py",
    "set": "[a-s]kip.py",
    "negated set": "[!a-r]kip.py",
    "negation": "*.py\n!keep.py",
    "order": "!keep.py\n*.py",
    "comment": "# skip.py\n\nkeep.py",
    "escaped": "\\#odd.py",
    "trailing space": "skip.py   ",
    "class in folder": "sub/[d]eep",
    "star is no slash": "sub/*/skip.py",
    "backslash": "sk\\ip.py",
    "everything but Python": "/**/*\n!/**/\n!*.py",
    "everything but Python, by names": "*\n!*/\n!*.py",
    "everything, folders taken back": "**\n!**/\n!keep.py",
    "everything below the top": "/**/*.py\n!/*.py",
    "a folder taken back": "sub/*\n!sub/deep/\n",
}
TREE = ("skip.py", "keep.py", "a_test.py", "#odd.py", "sub/skip.py", "sub/keep.py", "sub/deep/skip.py",
        "sub/deep/deeper/skip.py", "sub/deep/deeper/keep.py", "other/deep/x.py", "other/skip.py")  # fmt: skip


@pytest.mark.parametrize("rules", IGNORES.values(), ids=IGNORES.keys())
def test_gitignore_is_read_as_git_reads_it(rules: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, *TREE)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text(rules + "\n")
    (tmp_path / "other" / ".gitignore").write_text("!skip.py\n/deep\n")
    shown = subprocess.run(
        ["git", "-c", "core.quotePath=false", "ls-files", "--others", "--exclude-standard", "-z"],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    ).stdout
    assert listed(tmp_path, monkeypatch) == {path for path in shown.split("\0") if path.endswith(".py")}


def test_a_repositorys_gitignore_holds_for_a_folder_inside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, *TREE)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("/sub/deep\n")
    assert listed(tmp_path / "sub", monkeypatch) == {"skip.py", "keep.py"}


@pytest.mark.parametrize("line", ["", "# x", "/", "   "])
def test_a_line_without_a_rule(line: str) -> None:
    assert parse_rule(line) is None


def test_a_file_that_was_named_is_read_though_ignored(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(BAD)
    (tmp_path / ".gitignore").write_text("*.py\n")
    assert codes(lint([path])) == ["VAE201"]
    assert codes(lint([tmp_path])) == []


# ---------------------------------------------------------------------------------------------- what is told


def test_findings_in_files_that_were_only_imported_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(BAD)
    (tmp_path / "train.py").write_text(
        "import torch\nfrom model import VAE, loss_function\n\nnet = VAE()\nx = torch.rand(4, 3, 8, 12)\n"
        "out, mu, logvar = net(x)\nloss_function(out, x, mu, logvar).backward()\ntorch.randn(3)\n"
    )
    assert codes(lint([tmp_path / "train.py"])) == []
    assert codes(lint([tmp_path])) == ["VAE201"]


def test_one_vae_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.py").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    report = lint(["model.py"])
    assert report.subjects == 1
    (line,) = report.recognised
    assert line.startswith("model.py:VAE: sampler at model.py:26, KL at model.py:41, reconstruction at model.py:40")
    (line,) = report.unobserved
    assert line.startswith("model.py:VAE: not seen in the source: ")
    assert line.endswith("; vae-checked audit model:VAE measures it")
    assert "the range of the data (104" in line
    assert (
        report.summary == "1 file read, 1 with VAE code; 1 VAE examined: sampler, KL and loss checked in 1; 0 findings"
    )
