"""Fixes in notebooks: the cell's text changes where the mistake stands, and no other byte of the JSON does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vae_checked.catalogue import find
from vae_checked.cli import main
from vae_checked.linter import lint
from vae_checked.linter.fixing.apply_fixes import fixed_files, write_fixed

BAD = find("VAE202").bad.replace("  # VAE202", '  # σ, \U0001f600, "quoted", a \\ and a tab\t')
WRONG, RIGHT = "torch.rand_like(std)", "torch.randn_like(std)"
LINES = BAD.splitlines(keepends=True)


def book(source: Any, *before: Any, **more: Any) -> dict[str, Any]:
    cells = [{"cell_type": "markdown", "source": ["# rand_like(std)"]}]
    cells += [{"cell_type": "code", "source": each, "outputs": [{"text": [WRONG]}]} for each in (*before, source)]
    return {"cells": cells, "metadata": {"note": WRONG}, "nbformat": 4, **more}


FORMS = {
    "as notebooks are written": lambda: json.dumps(book(LINES), indent=1, ensure_ascii=False) + "\n",
    "escaped": lambda: json.dumps(book(LINES), indent=1),
    "one string": lambda: json.dumps(book(BAD), indent=2),
    "one line": lambda: json.dumps(book(LINES), separators=(",", ":")),
    "odd blanks": lambda: json.dumps(book(LINES), indent=1).replace('"cells":', '"cells"  :\t').replace("[", "[ "),
    "carriage returns between": lambda: json.dumps(book(LINES), indent=1).replace("\n", "\r\n"),
    "magics": lambda: json.dumps(book(["%matplotlib inline\n", "!ls\n", *LINES]), indent=1),
    "a cell magic": lambda: json.dumps(book(["%%time\n", *LINES]), indent=1),
    "cells before": lambda: json.dumps(book(LINES, "x = 1", ["def f(:\n"], "%%bash\nls"), indent=1),
    "escapes of its own": lambda: json.dumps(book(LINES), indent=1).replace("torch.exp", "t\\u006frch.exp"),
    "before version 4": lambda: json.dumps(
        {"worksheets": [{"cells": [{"cell_type": "code", "input": LINES}]}], "nbformat": 3}, indent=1
    ),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_only_the_letters_of_the_fix_change(form: Any, tmp_path: Path) -> None:
    path = tmp_path / "walk.ipynb"
    before = form().encode()
    path.write_bytes(before)
    (fixed,) = fixed_files([path])
    assert path.read_bytes() == before
    write_fixed(fixed)
    after = path.read_bytes()
    at = before.index(WRONG.encode(), before.index(b"exp(0.5"))
    assert after == before[:at] + before[at:].replace(WRONG.encode(), RIGHT.encode(), 1)
    assert lint([path]).findings == ()
    assert fixed_files([path]) == ()


def test_parentheses_on_both_sides_and_two_cells(tmp_path: Path) -> None:
    wrong = find("VAE201").bad.replace("torch.exp(logvar)  # VAE201", "torch.exp(logvar + 0.0)")
    path = tmp_path / "walk.ipynb"
    text = json.dumps(book(wrong.splitlines(keepends=True)), indent=1)
    path.write_text(text, encoding="utf-8")
    (fixed,) = fixed_files([path])
    assert fixed.after == text.replace("torch.exp(logvar + 0.0)", "torch.exp(0.5 * (logvar + 0.0))")
    assert fixed.diff.count("\n+") == 2


def test_a_fix_that_does_not_settle_it_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "walk.ipynb"
    wrong = find("VAE201").bad.replace("torch.exp(logvar)  # VAE201", "(0.5 * torch.exp(logvar))")
    path.write_text(json.dumps(book(wrong)), encoding="utf-8")
    assert [finding.code for finding in lint([path]).findings] == ["VAE201"]
    assert fixed_files([path]) == ()


def test_the_command_mends_a_notebook_and_names_cell_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "walk.ipynb"
    path.write_text(json.dumps(book(LINES, "x = 1"), indent=1), encoding="utf-8")
    line = 1 + next(index for index, each in enumerate(LINES) if WRONG in each)
    assert main(["lint", str(path)]) == 1
    assert f"{path}:cell 2:{line}:15: error: VAE202 " in capsys.readouterr().out
    assert main(["lint", "--fix", str(path)]) == 0
    assert json.loads(path.read_text(encoding="utf-8"))["cells"][2]["source"][line - 1] == LINES[line - 1].replace(
        WRONG, RIGHT
    )


@pytest.mark.parametrize("style", [{"indent": 1}, {"separators": (",", ":")}], ids=["lines", "one line"])
@pytest.mark.parametrize("whole", [False, True], ids=["list", "string"])
def test_torch_that_comes_by_a_star_import_is_seen(style: dict[str, Any], whole: bool, tmp_path: Path) -> None:
    imports = [line for line in LINES if line.startswith(("import torch", "from torch"))]
    rest = [line for line in LINES if line not in imports]
    assert imports
    (tmp_path / "shared.py").write_text("".join(imports))
    lines = ["from shared import *\n", *(line for line in rest if not line.startswith("from __future__"))]
    notebook = book("".join(lines) if whole else lines)
    (tmp_path / "walk.ipynb").write_text(json.dumps(notebook, **style))
    assert [each.code for each in lint([tmp_path]).findings] == ["VAE202"]


def test_a_message_says_cell_and_line_of_what_it_speaks_of(tmp_path: Path) -> None:
    wrong = find("VAE201").bad
    start = wrong.index("def loss_function")
    model, loss = wrong[:start], wrong[start:]
    line = 1 + next(index for index, each in enumerate(loss.splitlines()) if "kl = " in each)
    (tmp_path / "walk.ipynb").write_text(json.dumps(book(loss, model)), encoding="utf-8")
    (found,) = lint([tmp_path / "walk.ipynb"]).findings
    assert f", the KL at cell 2, line {line} reads " in found.message
