"""flake8 itself, in a subprocess, with the plugin that is installed beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vae_checked.catalogue import find

pytest.importorskip("flake8", reason="flake8 comes with the extra [dev]")


def flake8(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flake8", "--select", "VAE", *options, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=path.parent)


def test_a_mistake_is_named_under_its_own_code_and_place(tmp_path: Path) -> None:
    mistake = find("VAE202")
    path = tmp_path / "model.py"
    path.write_text(mistake.bad, encoding="utf-8")
    line = next(number for number, text in enumerate(mistake.bad.splitlines(), 1) if "# VAE202" in text)
    done = flake8(path)
    assert done.returncode == 1
    assert [row.split(" ")[0:2] for row in done.stdout.splitlines()] == [
        [f"{path}:{line}:{mistake.bad.splitlines()[line - 1].index('torch') + 1}:", "VAE202"]
    ]


def test_flake8s_own_noqa_and_ignores_hold(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(find("VAE202").bad.replace("# VAE202", "# noqa: VAE202"), encoding="utf-8")
    assert flake8(path).stdout == ""
    path.write_text(find("VAE202").bad, encoding="utf-8")
    assert flake8(path, "--per-file-ignores", "model.py:VAE202").stdout == ""


def test_what_comes_from_standard_input_is_what_is_linted(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(find("VAE202").good, encoding="utf-8")
    command = [sys.executable, "-m", "flake8", "--select", "VAE", "--stdin-display-name", "model.py", "-"]
    text = "# -*- coding: latin-1 -*-\n# \u03c3\n" + find("VAE202").bad
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False, cwd=tmp_path)
    assert done.stdout.decode().split(" ")[1] == "VAE202"
    done = subprocess.run([*command[:-3], "-"], input=text.encode(), capture_output=True, check=False, cwd=tmp_path)
    assert done.stdout.decode().split(" ")[1] == "VAE202"


def test_a_correct_module_is_silent(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(find("VAE202").good, encoding="utf-8")
    done = flake8(path)
    assert (done.returncode, done.stdout) == (0, "")
