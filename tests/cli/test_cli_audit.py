"""`vae-checked audit` from the command line to the report, on models written for it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch

from vae_checked.catalogue import find
from vae_checked.cli import main
from vae_checked.cli.hints import as_options
from vae_checked.load import load_weights

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
    assert main([*given("corrected:VAE"), "--verbose"]) == 0
    text = capsys.readouterr().out
    assert "more: vae-checked explain" not in text
    assert "201" in clean_codes(text)


@pytest.mark.usefixtures("folder")
def test_exit_zero_and_ignore_and_select(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*given("modelled:VAE"), "--verbose", "--exit-zero", "--select", "log-std-read-as-logvar,VAE3"]) == 0
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


@pytest.mark.usefixtures("folder")
def test_hints_name_the_options_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "corrected:VAE", "--input", "B 3 8 12", "--verbose"]) == 0
    text = capsys.readouterr().out
    assert "the data's interval was not given: --data-range LOW HIGH settles it" in text
    assert main(["audit", "corrected:VAE", "--input", "B 3 9 12"]) == 2
    assert "in train mode: give the --input that it takes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("no loss is known: loss= settles it", "no loss is known: --loss settles it"),
        ("give adapter=, or loss= with what it needs", "give --adapter, or --loss with what it needs"),
        ("give inputs=, a tensor or a specification such as 'B 3'", "give --input, a specification such as 'B 3'"),
        (
            "give loss=functools.partial(..., beta=...)",
            "give --loss package.module:function, where function = functools.partial(..., beta=...)",
        ),
        (
            "give loss=lambda ... that takes what the model returns",
            "give --loss package.module:function, one that takes what the model returns",
        ),
        ("data_range=(low, high) settles it", "--data-range LOW HIGH settles it"),
        ("called with kl_loss = 1.0, my_loss=2", "called with kl_loss = 1.0, my_loss=2"),
    ],
)
def test_every_hint_has_its_option(said: str, told: str) -> None:
    assert as_options(said) == told


class Trap:
    """What a pickle executes when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("executed"),)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"fc.weight": Trap()}, "not a file of tensors alone, and more is not loaded (UnpicklingError)"),
        (Trap(), "not a file of tensors alone"),
        (torch.zeros(3), "holds no state_dict: save model.state_dict() with torch.save"),
        ({"state_dict": {"fc.weight": torch.zeros(2)}}, "are those of another model: Missing key(s) in state_dict"),
    ],
)
def test_weights_are_read_as_tensors_alone(
    folder: Path, capsys: pytest.CaptureFixture[str], content: Any, said: str
) -> None:
    torch.save(content, folder / "weights.pt")
    assert main([*given("corrected:VAE"), "--weights", "weights.pt"]) == 2
    assert said in capsys.readouterr().err
    assert not (folder / "executed").exists()
    if isinstance(content, Trap):
        torch.load(folder / "weights.pt", weights_only=False)
        assert (folder / "executed").exists(), "the trap works where it is not refused"


def test_weights_are_loaded(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(folder)
    (folder / "corrected.py").write_text(GOOD + FACTORY, encoding="utf-8")
    from corrected import VAE, build

    state = VAE(7).state_dict()
    torch.save({"model_state_dict": state}, folder / "weights.pt")
    assert main([*given("corrected:VAE"), "--kwargs", '{"latents": 7}', "--weights", "weights.pt"]) == 0
    model = build(7)
    load_weights(model, str(folder / "weights.pt"))
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    for bad in (b"", b"no pickle at all"):
        (folder / "weights.pt").write_bytes(bad)
        assert main([*given("corrected:VAE"), "--weights", "weights.pt"]) == 2
    assert main([*given("corrected:VAE"), "--weights", "nowhere.pt"]) == 2
    assert "weights 'nowhere.pt': No such file or directory" in capsys.readouterr().err
