"""`[tool.vae-checked]` of pyproject.toml for the linter: what it says, what overrides it, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vae_checked.catalogue import find
from vae_checked.catalogue.support.example import EXAMPLE
from vae_checked.cli import main

BAD = find("VAE201").bad
# Two mistakes: VAE201, VAE202.
WORSE = BAD.replace("torch.randn_like(", "torch.rand_like(")


def project(folder: Path, toml: str, **files: str) -> Path:
    (folder / "pyproject.toml").write_text(toml, encoding="utf-8")
    for name, text in files.items():
        target = folder / f"{name.replace('__', '/')}.py"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return folder


def named(capsys: pytest.CaptureFixture[str], *words: str) -> list[tuple[str, str]]:
    """(file, code) of what `vae-checked lint` finds."""
    status = main(["lint", "--format", "json", *words])
    out, err = capsys.readouterr()
    assert err == ""
    found = [(each["path"], each["code"]) for each in json.loads(out)["findings"]]
    assert status == int(bool(found))
    return found


def test_the_worse_module_makes_two_mistakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project(tmp_path, "", model=WORSE))
    assert named(capsys) == [("model.py", "VAE201"), ("model.py", "VAE202")]


TABLES = {
    "select": ('select = ["VAE202"]', ["VAE202"]),
    "select a band": ('select = ["VAE3"]', []),
    "select by name": ('select = ["non-gaussian-noise", "kl-sign"]', ["VAE202"]),
    "ignore": ('ignore = ["202"]', ["VAE201"]),
    "both": ('select = ["VAE2"]\nignore = ["VAE201"]', ["VAE202"]),
    "nothing": ("", ["VAE201", "VAE202"]),
    "per file": ('per-file-ignores = {"model.py" = ["VAE201"]}', ["VAE202"]),
    "per file, other": ('per-file-ignores = {"other.py" = ["VAE201"]}', ["VAE201", "VAE202"]),
    "per folder": ('per-file-ignores = {"src/" = ["VAE2"]}', []),
    "per pattern": ('per-file-ignores = {"src/in/*.py" = ["VAE201"], "**/mod*" = ["VAE202"]}', []),
    "exclude a file": ('exclude = ["model.py"]', []),
    "exclude a folder": ('exclude = ["in/"]', []),
    "exclude an anchored file": ('exclude = ["/src/in/model.py"]', []),
    "exclude another": ('exclude = ["/model.py"]', ["VAE201", "VAE202"]),
    "exclude and take back": ('exclude = ["*.py", "!model.py"]', ["VAE201", "VAE202"]),
}


@pytest.mark.parametrize(("table", "expected"), TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("place", [".", "src", "src/deep"])
def test_the_nearest_pyproject_says_what_is_reported(
    table: str,
    expected: list[str],
    place: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    project(tmp_path, f"[tool.vae-checked]\n{table}\n", src__in__model=WORSE)
    (tmp_path / "src" / "deep").mkdir()
    monkeypatch.chdir(tmp_path / place)
    assert [code for _, code in named(capsys, str(tmp_path / "src"))] == expected
    assert [code for _, code in named(capsys, ".." if place == "src/deep" else ".")] == expected


def test_the_command_line_overrides_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = '[tool.vae-checked]\nselect = ["VAE202"]\nignore = ["VAE206"]\nexclude = ["old/"]\n'
    monkeypatch.chdir(project(tmp_path, toml, model=WORSE, old__model=WORSE, new__model=WORSE))
    assert named(capsys) == [("model.py", "VAE202"), ("new/model.py", "VAE202")]
    assert named(capsys, "--select", "VAE201", "--exclude", "new") == [("model.py", "VAE201")]
    assert named(capsys, "--ignore", "VAE202") == []
    other = tmp_path / "other.toml"
    other.write_text("[tool.vae-checked]\n", encoding="utf-8")
    assert len(named(capsys, "--config", "other.toml")) == 6


def test_patterns_of_the_command_line_hold_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project(tmp_path, "[tool.vae-checked]\nselect = ['VAE202']\n", src__model=WORSE, src__old__model=WORSE)
    monkeypatch.chdir(tmp_path / "src")
    assert named(capsys, "--exclude", "old/model.py") == [("model.py", "VAE202")]
    assert named(capsys, "--exclude", "/old/") == [("model.py", "VAE202")]
    assert len(named(capsys, "--exclude", "src/old/model.py")) == 2


def test_what_is_named_itself_is_read_unless_exclusion_is_forced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project(tmp_path, '[tool.vae-checked]\nexclude = ["old/"]\n', old__model=BAD))
    assert named(capsys, "old/model.py") == [("old/model.py", "VAE201")]
    assert named(capsys, "old") == [("old/model.py", "VAE201")]
    assert named(capsys, "--force-exclude", "old/model.py") == []
    assert named(capsys, "--force-exclude", "old") == []


def test_a_comment_for_a_code_that_the_file_is_spared_is_not_unused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = '[tool.vae-checked]\nper-file-ignores = {"model.py" = ["VAE201"]}\n'
    monkeypatch.chdir(project(tmp_path, toml, model=BAD.replace("# VAE201", "# noqa: VAE201")))
    assert main(["lint"]) == 0
    assert "unused suppression" not in capsys.readouterr().out


def test_a_models_data_range_is_the_range_that_the_linter_judges_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = EXAMPLE
    assert "torch.sigmoid" in text
    monkeypatch.chdir(project(tmp_path, "", pkg__net=text))
    assert named(capsys, "--select", "VAE4,VAE104") == []
    table = '[tool.vae-checked.models.mine]\nmodel = "pkg.net:VAE"\ndata_range = '
    project(tmp_path, f"{table}[0, 1]\n")
    assert named(capsys) == []
    project(tmp_path, f"{table}[-1, 1]\n")
    assert named(capsys) == [("pkg/net.py", "VAE403")]


REFUSED = {
    "an unknown key": ('slect = ["VAE2"]', ["unknown key 'slect'", "did you mean select?", "per-file-ignores"]),
    "a word for a list": ('select = "VAE2"', ["select is 'VAE2'", 'such as ["VAE201", "VAE3"]']),
    "numbers in a list": ("ignore = [201]", ["ignore is [201]", "not a list of strings"]),
    "an unknown code": ('ignore = ["VAE9"]', ["ignore: 'VAE9' names no mistake", "vae-checked rules"]),
    "an unknown code per file": ('per-file-ignores = {"a.py" = ["E501"]}', ["per-file-ignores: 'E501' names no"]),
    "a list for a table": ('per-file-ignores = ["a.py"]', ["per-file-ignores is ['a.py']", "not a table"]),
    "a word in the table": ('per-file-ignores = {"a.py" = "VAE2"}', ["'a.py' is 'VAE2'", "not a list"]),
    "patterns that are none": ('exclude = [""]', ["exclude is ['']", 'such as ["legacy/"]']),
    "a table for a path": ("baseline = 3", ["baseline is 3", "not the path of a file"]),
    "a model's range": ('models.m = {model = "m:V", data_range = [1, 0]}', ["data_range is [1, 0]", "lower first"]),
    "not TOML": ("select = [", ["not readable as TOML"]),
}


@pytest.mark.parametrize(("table", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_meant_is_refused_in_one_line(
    table: str, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project(tmp_path, f"[tool.vae-checked]\n{table}\n", model=BAD))
    assert main(["lint"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert str(tmp_path / "pyproject.toml") in err
    for part in said:
        assert part in err


def test_a_file_of_configuration_that_does_not_exist_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["lint", "--config", "none.toml"]) == 2
    assert "--config none.toml: no such file" in capsys.readouterr().err
