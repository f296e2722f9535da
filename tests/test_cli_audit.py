"""`vae-checked audit` from the command line to the report, on models written for it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from vae_checked.catalogue import find
from vae_checked.cli import main

BAD, GOOD = find("VAE201").bad, find("VAE201").good
PYPROJECT = """
[tool.vae-checked.models.mine]
model = "modelled:build"
kwargs = {latents = 6}
input = "B 3 8 12"
loss = "modelled:loss_function"
data_range = [0, 1]
"""
FACTORY = """

BUILT = []


def build(latents):
    print("building a VAE with", latents, "latents")
    BUILT.append(latents)
    return VAE(latents)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "modelled.py").write_text(BAD + FACTORY, encoding="utf-8")
    (tmp_path / "corrected.py").write_text(GOOD, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in ("modelled", "corrected"):
        sys.modules.pop(name, None)


def given(model: str) -> list[str]:
    module = model.partition(":")[0]
    return ["audit", model, "--input", "B 3 8 12", "--loss", f"{module}:loss_function", "--data-range", "0", "1"]


def clean_codes(text: str) -> list[str]:
    """The numbers of the codes that the report calls clean."""
    line = text.split("checked and clean:\n")[1].splitlines()[0]
    return [word.removeprefix("VAE") for word in line.split(": ")[1].split(";")[0].split()]


@pytest.mark.usefixtures("folder")
def test_the_mistake_is_found_and_the_status_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(given("modelled:VAE")) == 1
    text = capsys.readouterr().out
    assert "VAE201 log-std-read-as-logvar: the sampler uses " in text
    assert "  more: vae-checked explain VAE201\n" in text
    assert "std = torch.exp(logvar)" in text


@pytest.mark.usefixtures("folder")
def test_the_corrected_twin_is_clean(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(given("corrected:VAE")) == 0
    text = capsys.readouterr().out
    assert "more: vae-checked explain" not in text
    assert "201" in clean_codes(text)


@pytest.mark.usefixtures("folder")
def test_exit_zero_and_ignore_and_select(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*given("modelled:VAE"), "--exit-zero", "--select", "log-std-read-as-logvar,VAE3"]) == 0
    text = capsys.readouterr().out
    assert "VAE201 log-std" in text
    assert {code[0] for code in clean_codes(text)} == {"3"}
    assert main([*given("modelled:VAE"), "--ignore", "VAE201"]) == 0
    assert "VAE201" not in capsys.readouterr().out


def test_a_name_in_pyproject_brings_everything(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "below").mkdir()
    assert main(["audit", "mine", "--format", "json"]) == 1
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert [each["code"] for each in document["findings"]] == ["VAE201"]
    assert document["facts"][0]["subject"] == "mine"
    assert "building a VAE with 6 latents" in err
    assert sys.modules["modelled"].BUILT == [6]


def test_a_name_is_found_from_a_folder_below(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert main(["audit", "mine", "--exit-zero"]) == 0
    assert "VAE201" in capsys.readouterr().out


@pytest.mark.usefixtures("folder")
def test_the_command_line_comes_before_pyproject(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "mine", "--kwargs", '{"latents": 4}', "--exit-zero"]) == 0
    capsys.readouterr()
    assert sys.modules["modelled"].BUILT == [4]


def test_the_report_goes_to_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "mine", "--format", "junit", "--output", "report.xml"]) == 1
    assert capsys.readouterr().out == ""
    suites = ElementTree.parse(folder / "report.xml").getroot()
    assert suites.get("failures") == "1"
    assert sorted(path.name for path in folder.iterdir() if path.name != "__pycache__") == [
        "corrected.py",
        "modelled.py",
        "pyproject.toml",
        "report.xml",
    ]
