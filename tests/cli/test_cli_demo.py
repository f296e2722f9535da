"""The demo: three mistakes found, measured, corrected, and gone."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

from vae_checked.cli import demo, main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    # Without the library, which takes long to import: the step says so.
    monkeypatch.setitem(sys.modules, "diffusers", None)
    return tmp_path


def test_the_demo_finds_measures_and_corrects(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here, path = Path.cwd(), list(sys.path)
    assert main(["demo"]) == 0
    text = capsys.readouterr().out
    parts = text.split("\n== ")
    assert [part.split(".")[0].removeprefix("== ") for part in parts] == ["1", "2", "3", "4", "5"]
    for part in parts[:2]:
        assert all(code in part for code in ("VAE201", "VAE202", "VAE404"))
        assert "3 errors" in part
    assert "+        std = torch.exp(0.5 * logvar)\n" in parts[2]
    assert "+        eps = torch.randn_like(std)\n" in parts[2]
    assert "no finding" in parts[3]
    assert "VAE404" not in parts[3].split("not decided")[0]
    assert "pip install 'vae-checked[demo]'" in parts[4]
    (report,) = folder.glob("*/report.html")
    assert str(report) in text
    assert "VAE201" in report.read_text(encoding="utf-8")
    assert (Path.cwd(), sys.path, demo.MODULE in sys.modules) == (here, path, False)


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: None)
    assert main(["demo"]) == 2
    assert "pip install 'vae-checked[torch]'" in capsys.readouterr().err
