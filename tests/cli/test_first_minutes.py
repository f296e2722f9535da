"""What somebody sees who has just installed it: the command alone, its help, versions, and what works here."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shlex
from pathlib import Path

import pytest

import vae_checked
from vae_checked.catalogue import CATALOGUE
from vae_checked.cli import COMMANDS, main, parser
from vae_checked.cli import doctor as doctor_command
from vae_checked.errors import install_line
from vae_checked.shapes import LOCK_NAME

Capture = pytest.CaptureFixture[str]


def said(capsys: Capture, *words: str) -> str:
    assert main(words) == 0
    return capsys.readouterr().out


# ------------------------------------------------------------------------------------------ the command alone


def test_the_command_alone_says_what_to_do_next_and_is_no_success(capsys: Capture) -> None:
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith(f"vae-checked {vae_checked.__version__} ")
    for word in ("lint .", "audit ", "explain ", "shapes lock ", "doctor"):
        assert f"  vae-checked {word}" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_examples_that_the_parser_takes(name: str, capsys: Capture) -> None:
    text = said(capsys, name, "--help")
    lines = re.findall(r"^  (vae-checked .*)$", text, re.MULTILINE)
    assert bool(lines) is (name not in ("lsp", "demo"))
    for line in lines:
        words = shlex.split(line, comments=True)[1:]
        chosen, rest = parser().parse_known_args(words)
        assert (chosen.command, rest) == (name, [])


@pytest.mark.parametrize("name", ["lint", "audit"])
def test_options_stand_in_groups(name: str, capsys: Capture) -> None:
    text = said(capsys, name, "--help")
    groups = dict(re.findall(r"^([a-z ,]+):\n((?:  .*\n|\n(?=  ))+)", text, re.MULTILINE))
    assert "--format" in groups["the report"]
    assert "--quiet" in groups["the report"]
    assert "--select" in groups["which mistakes"]
    assert "--format" not in groups["options"]


# ------------------------------------------------------------------------------------------- versions, doctor


def test_the_version_is_the_first_line_and_what_it_runs_on_follows(capsys: Capture) -> None:
    first, second, *rest = said(capsys, "--version").splitlines()
    assert first == f"vae-checked {vae_checked.__version__}"
    assert second.startswith("Python 3.")
    assert f"torch {importlib.metadata.version('torch')}" in rest


def test_doctor_says_versions_and_what_works(capsys: Capture) -> None:
    text = said(capsys, "doctor")
    assert re.search(rf"^  torch +{re.escape(importlib.metadata.version('torch'))}$", text, re.MULTILINE)
    assert "  yes  lint, explain, rules\n" in text
    assert "  yes  audit, shapes, wrap, @checked" in text


def test_doctor_says_what_does_not_work_and_what_would_change_that(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    there = doctor_command.installed
    monkeypatch.setattr(doctor_command, "installed", lambda name: None if name in ("torch", "pygls") else there(name))
    text = said(capsys, "doctor")
    assert f"  no   audit, shapes, wrap, @checked: torch not installed: {install_line('torch')}\n" in text
    assert f"  no   language server: pygls not installed: {install_line('lsp')}\n" in text
    assert "  yes  lint, explain, rules\n" in text
    assert re.search(r"^  torch +not installed$", text, re.MULTILINE)


def test_doctor_names_a_package_that_is_too_old(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    there = doctor_command.installed
    monkeypatch.setattr(doctor_command, "installed", lambda name: "1.2.3+cpu" if name == "torch" else there(name))
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: ['torch>=2.1; extra == "torch"', "rich>=1.0"])
    assert "  no   audit, shapes, wrap, @checked: torch 1.2.3+cpu is older than 2.1\n" in said(capsys, "doctor")
    monkeypatch.setattr(doctor_command, "installed", lambda name: "0.9" if name == "rich" else there(name))
    assert "  yes  progress bars, but rich 0.9 is older than 1.0, " in said(capsys, "doctor")


@pytest.mark.parametrize(
    ("version", "floor", "older"),
    [("2.13.0+cpu", "2.13", False), ("2.9.1", "2.13", True), ("10.0", "9.4", False), (None, "1", False)],
)
def test_versions_are_compared_by_their_numbers(version: str | None, floor: str, older: bool) -> None:
    assert doctor_command._older(version, floor) is older


def test_doctor_says_what_is_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "pyproject.toml"
    file.write_text("[tool.vae-checked.models.mine]\nmodel = 'm:VAE'\n", encoding="utf-8")
    assert "  pyproject.toml: 1 model: mine\n  vae-shapes.lock: no lock of shapes\n" in said(capsys, "doctor")
    (tmp_path / LOCK_NAME).write_text("", encoding="utf-8")
    assert f"  {LOCK_NAME}: there is one\n" in said(capsys, "doctor")
    file.write_text("[tool.vae-checked]\nselct = []\n", encoding="utf-8")
    assert "unknown key 'selct' (did you mean select?)" in said(capsys, "doctor")


# ------------------------------------------------------------------------------------------- rules and tables


def test_rules_say_in_a_line_what_each_is(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = said(capsys, "rules")
    assert max(map(len, text.splitlines())) <= 80
    flat = " ".join(text.split())
    assert [each.code for each in CATALOGUE if each.summary not in flat] == []


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["VAE2", "301"], lambda each: each.code.startswith("VAE2") or each.code == "VAE301"),
        (["--severity", "warning"], lambda each: each.severity == "warning"),
        (["--seen-by", "audit"], lambda each: "audit" in each.seen_by),
        (["VAE5", "--severity", "error"], lambda each: each.code.startswith("VAE5") and each.severity == "error"),
    ],
)
def test_rules_are_filtered(words: list[str], kept: object, capsys: Capture) -> None:
    expected = [each.code for each in CATALOGUE if kept(each)]  # type: ignore[operator]
    assert 0 < len(expected) < len(CATALOGUE)
    assert re.findall(r"^(VAE\d+) ", said(capsys, "rules", *words), re.MULTILINE) == expected
    document = json.loads(said(capsys, "rules", *words, "--format", "json"))
    assert [each["code"] for each in document["rules"]] == expected


@pytest.mark.parametrize("command", [["lint"], ["audit", "mine"], ["shapes", "lock"]])
def test_a_table_with_an_underscore_is_refused_with_the_right_name(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.vae_checked]\nselect = ['VAE2']\n", encoding="utf-8")
    assert main(command) == 2
    assert "[tool.vae_checked] is not read: write [tool.vae-checked], with a hyphen" in capsys.readouterr().err
