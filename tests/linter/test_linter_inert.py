"""Nothing that is read is executed: every file below writes a marker when it is, as a control shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from preloaded import run_python

import vae_checked
from vae_checked.cli import main
from vae_checked.linter import lint

MODEL = """\
import torch
from helper import gap


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = torch.nn.Linear(20, 5), torch.nn.Linear(20, 5)

    def forward(self, x):
        m, s = self.a(x), self.b(x)
        std = torch.exp(s)
        return m + std * torch.randn_like(std), gap(m, s)


Net()(torch.zeros(3, 20))
"""
HELPER = "import torch\n\n\ndef gap(m, logvar):\n    return -0.5 * (1 + logvar - m**2 - logvar.exp()).sum(1)\n"
LATE = ("ast", "argparse", "json", "tokenize")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project whose files leave a marker each as they are run, a notebook and a test configuration among them."""

    def armed(name: str, text: str) -> str:
        return f"open({str(tmp_path / name)!r} + '.ran', 'w').close()\n{text}"

    project = tmp_path / "project"
    project.mkdir()
    modules = {"model": MODEL, "helper": HELPER, "conftest": HELPER, "setup": HELPER, "__init__": HELPER}
    # Modules that the command itself imports late.
    modules |= dict.fromkeys(LATE, "")
    for name, text in modules.items():
        (project / f"{name}.py").write_text(armed(name, text), encoding="utf-8")
    cell = {"cell_type": "code", "source": armed("book", MODEL)}
    (project / "book.ipynb").write_text(json.dumps({"cells": [cell]}), encoding="utf-8")
    return project


def ran(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.parent.glob("*.ran"))


def test_the_markers_work(folder: Path) -> None:
    for name in LATE:
        (folder / f"{name}.py").unlink()
    (cell,) = json.loads((folder / "book.ipynb").read_text(encoding="utf-8"))["cells"]
    done = run_python("-c", f"import model\n{cell['source']}", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert ran(folder) == ["book", "helper", "model"]


def test_linting_runs_nothing(folder: Path) -> None:
    found = {(Path(each.place.path).name, each.code) for each in lint([folder]).findings if each.place is not None}
    assert found == {("model.py", "VAE201"), ("book.ipynb", "VAE201")}
    assert ran(folder) == []


@pytest.mark.parametrize("option", ["--format=sarif", "--diff"])
def test_neither_a_report_nor_a_diff_runs_anything(
    folder: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lint", option, str(folder)]) == 1
    assert "torch.exp(s)" in capsys.readouterr().out
    assert ran(folder) == []


def test_fixing_runs_nothing(folder: Path) -> None:
    assert main(["lint", "--fix", str(folder)]) == 0
    assert "torch.exp(0.5 * s)" in (folder / "model.py").read_text(encoding="utf-8")
    assert ran(folder) == []


def test_the_command_in_the_folder_of_the_files_runs_nothing(folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(vae_checked.__file__).parent.parent)}
    done = subprocess.run(
        [sys.executable, "-m", "vae_checked", "lint"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "VAE201" in done.stdout
    assert ran(folder) == []
