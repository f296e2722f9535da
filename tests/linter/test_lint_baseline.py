"""`--baseline`: what is known stays silent though lines move, what is new fails, what is gone is told."""

from __future__ import annotations

import json
import os
import stat
from collections import Counter
from pathlib import Path

import pytest

from vae_checked.catalogue import find
from vae_checked.cli import main
from vae_checked.errors import UsageError
from vae_checked.linter import lint
from vae_checked.linter.run.baseline import Baseline

GOOD = find("VAE201").good
BAD = find("VAE201").bad
WORSE = BAD.replace("torch.randn_like(", "torch.rand_like(")
MISTAKE = "std = torch.exp(logvar)"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one finding, known."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "model.py").write_text(BAD, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["lint", "--baseline", "known.json", "--write-baseline"]) == 0
    return tmp_path


def codes(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """What `vae-checked lint --baseline known.json` finds."""
    capsys.readouterr()
    main(["lint", "--baseline", "known.json", "--format", "json", *words])
    out, err = capsys.readouterr()
    assert err == ""
    return [each["code"] for each in json.loads(out)["findings"]]


def remarks(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    capsys.readouterr()
    main(["lint", "--baseline", "known.json", "--format", "json", *words])
    return [each["message"] for each in json.loads(capsys.readouterr().out)["remarks"]]


def entries(folder: Path) -> list[dict[str, object]]:
    document = json.loads((folder / "known.json").read_text(encoding="utf-8"))
    found: list[dict[str, object]] = document["findings"]
    return found


def test_the_file_is_for_people_to_review(folder: Path) -> None:
    text = f"{MISTAKE} # VAE201"
    assert entries(folder) == [{"path": "src/model.py", "code": "VAE201", "text": text, "count": 1}]
    assert [each.name for each in folder.iterdir() if each.is_file()] == ["known.json"]


def test_what_is_known_is_not_reported_and_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--baseline", "known.json"]) == 0
    assert "; 0 findings, 1 more in the baseline\n" in capsys.readouterr().out
    assert main(["lint"]) == 1
    assert (folder / "known.json").is_file()


EDITS = {
    "lines above": BAD.replace("class VAE", "A = 1\nB = 2\n\n\nclass VAE"),
    "a method above": BAD.replace("    def forward", "    def nothing(self):\n        return None\n\n    def forward"),
    "blanks": BAD.replace(MISTAKE, "std  =  torch.exp( logvar )".replace("( logvar )", "(logvar)")),
    "lines gone": "\n".join(line for line in BAD.splitlines() if line.strip()) + "\n",
}


@pytest.mark.parametrize("text", EDITS.values(), ids=EDITS)
def test_moved_lines_stay_known(text: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert text != BAD
    (folder / "src" / "model.py").write_text(text, encoding="utf-8")
    assert codes(capsys) == []
    assert remarks(capsys) == []


def test_another_mistake_is_new(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "src" / "model.py").write_text(WORSE, encoding="utf-8")
    assert codes(capsys) == ["VAE202"]


def test_the_same_mistake_in_another_file_is_new(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "src" / "other.py").write_text(BAD, encoding="utf-8")
    assert codes(capsys) == ["VAE201"]


def test_a_second_occurrence_of_one_line_is_new(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "src" / "model.py").write_text(WORSE, encoding="utf-8")
    main(["lint", "--baseline", "known.json", "--write-baseline"])
    twin = WORSE[WORSE.index("class VAE") : WORSE.index("def loss_function")].replace("class VAE", "class Twin")
    (folder / "src" / "model.py").write_text(WORSE + twin, encoding="utf-8")
    assert codes(capsys, "--select", "VAE202") == ["VAE202"]


def test_another_spelling_of_the_line_is_new_and_the_old_entry_stale(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "src" / "model.py").write_text(BAD.replace(MISTAKE, "std = logvar.exp()"), encoding="utf-8")
    assert codes(capsys) == ["VAE201"]
    assert remarks(capsys) == [f"VAE201 in src/model.py, `{MISTAKE} # VAE201`, is gone: --write-baseline drops it"]


def test_stale_entries_are_told_and_do_not_fail(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "src" / "model.py").write_text(GOOD, encoding="utf-8")
    capsys.readouterr()
    assert main(["lint", "--baseline", "known.json"]) == 0
    out = capsys.readouterr().out
    assert "\nstale baseline entries:\n  known.json:1: VAE201 in src/model.py" in out
    assert out.splitlines()[-2].endswith("; 1 stale baseline entry")
    (folder / "src" / "model.py").unlink()
    assert len(remarks(capsys)) == 1


def test_of_what_was_not_looked_at_nothing_is_called_stale(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "other").mkdir()
    (folder / "src" / "model.py").write_text(GOOD, encoding="utf-8")
    assert remarks(capsys, "other") == []
    assert remarks(capsys, "--select", "VAE3") == []
    assert len(remarks(capsys, "--select", "VAE2")) == 1
    (folder / "src" / "model.py").write_text("import torch; logvar = torch.randn(", encoding="utf-8")
    assert remarks(capsys) == []


def test_writing_again_drops_what_is_gone_and_keeps_what_was_not_seen(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "src" / "other.py").write_text(WORSE, encoding="utf-8")
    assert main(["lint", "--baseline", "known.json", "--write-baseline", "src/other.py", "--select", "VAE202"]) == 0
    assert [(each["path"], each["code"]) for each in entries(folder)] == [
        ("src/model.py", "VAE201"),
        ("src/other.py", "VAE202"),
    ]
    (folder / "src" / "model.py").write_text(GOOD, encoding="utf-8")
    capsys.readouterr()
    assert main(["lint", "--baseline", "known.json", "--write-baseline"]) == 0
    assert capsys.readouterr().out == "2 findings known from now on: known.json\n"
    assert [(each["path"], each["code"]) for each in entries(folder)] == [
        ("src/other.py", "VAE201"),
        ("src/other.py", "VAE202"),
    ]


def test_it_holds_from_every_folder_and_from_pyproject(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "pyproject.toml").write_text('[tool.vae-checked]\nbaseline = "known.json"\n', encoding="utf-8")
    monkeypatch.chdir(folder / "src")
    assert main(["lint"]) == 0
    assert main(["lint", str(folder)]) == 0
    assert main(["lint", "--baseline", "../known.json", "model.py"]) == 0
    assert capsys.readouterr().out.count("1 more in the baseline") == 3


def test_a_finding_in_a_notebook_stays_known_when_cells_move(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def book(*cells: str) -> None:
        text = json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells]})
        (tmp_path / "walk.ipynb").write_text(text, encoding="utf-8")

    monkeypatch.chdir(tmp_path)
    book(BAD)
    main(["lint", "--baseline", "known.json", "--write-baseline"])
    book("x = 1", "y = 2", BAD)
    assert codes(capsys) == []


DAMAGED = {
    "nothing": ("", "no JSON"),
    "half a file": ('{"format_version": 1, "findi', "no JSON"),
    "a list": ("[]", "no list of findings"),
    "no findings": ('{"format_version": 1}', "no list of findings"),
    "a later version": ('{"format_version": 2, "findings": []}', "format_version 2, and 1 is understood"),
    "a word": ('{"format_version": 1, "findings": ["VAE201"]}', "entry 0 has not the keys"),
    "a key too few": ('{"format_version": 1, "findings": [{"path": "a", "code": "b", "text": "c"}]}', "entry 0"),
    "a count of 0": (
        '{"format_version": 1, "findings": [{"path": "a", "code": "b", "text": "c", "count": 0}]}',
        "entry 0 is not of texts and a count",
    ),
    "a nest": ("[" * 200_000, "no JSON"),
}


@pytest.mark.parametrize(("text", "said"), DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("more", [[], ["--write-baseline"]], ids=["read", "write"])
def test_a_damaged_file_is_refused_in_one_line_and_left_as_it_is(
    text: str, said: str, more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "known.json"
    file.write_text(text, encoding="utf-8")
    assert main(["lint", str(tmp_path), "--baseline", str(file), *more]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert f"--baseline {file}: not a baseline, {said}" in err
    assert file.read_text(encoding="utf-8") == text


def test_a_file_that_is_not_there_or_cannot_be_written_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lint", str(tmp_path), "--baseline", str(tmp_path / "none.json")]) == 2
    assert "no such file: --write-baseline writes it" in capsys.readouterr().err
    assert main(["lint", str(tmp_path), "--write-baseline"]) == 2
    assert "give --baseline FILE" in capsys.readouterr().err
    assert main(["lint", str(tmp_path), "--write-baseline", "--baseline", str(tmp_path / "no" / "b.json")]) == 2
    assert "the baseline cannot be written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_is_no_place_for_a_baseline_and_stays(tmp_path: Path) -> None:
    model, pipe = tmp_path / "model.py", tmp_path / "known.json"
    model.write_text(BAD, encoding="utf-8")
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="give a regular file"):
        Baseline(pipe, Counter()).write(lint([model]), ())
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_link_to_a_baseline_stays_a_link(tmp_path: Path) -> None:
    model, link, real = tmp_path / "model.py", tmp_path / "link.json", tmp_path / "real.json"
    model.write_text(BAD, encoding="utf-8")
    link.symlink_to(real)
    assert Baseline(link, Counter()).write(lint([model]), ()) == 1
    assert link.is_symlink()
    assert [each["code"] for each in json.loads(real.read_text(encoding="utf-8"))["findings"]] == ["VAE201"]
