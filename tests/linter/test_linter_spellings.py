"""Twelve classical mistakes, each written in five ways that a pattern would miss: bad is named, good is silent."""

from __future__ import annotations

from pathlib import Path

import pytest
from planted.spelt import MISTAKES, Files, spellings

from vae_checked.finding import Severity
from vae_checked.linter import LintReport, lint

# What the linter does not see yet, and why: each line is an admission, and fails the day it is no longer true.
UNSEEN: dict[tuple[str, str], str] = {}
NOT_SILENT: dict[tuple[str, str], str] = {}


def cases(which: int, excused: dict[tuple[str, str], str]) -> list[object]:
    made = []
    for name, (code, _) in MISTAKES.items():
        for shape, twins in spellings(name).items():
            reason = excused.get((name, shape))
            marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
            made.append(pytest.param(twins[which], code, id=f"{name}: {shape}", marks=marks))
    return made


def read(folder: Path, files: Files) -> LintReport:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return lint([folder])


@pytest.mark.parametrize(("files", "code"), cases(0, UNSEEN))
def test_bad_is_named_however_it_is_written(files: Files, code: str, tmp_path: Path) -> None:
    report = read(tmp_path, files)
    assert report.unread == ()
    assert code in {finding.code for finding in report.findings}


@pytest.mark.parametrize(("files", "code"), cases(1, NOT_SILENT))
def test_good_is_silent_however_it_is_written(files: Files, code: str, tmp_path: Path) -> None:
    report = read(tmp_path, files)
    assert report.unread == ()
    assert [f"{each.place}: {each.code}" for each in report.findings if each.severity is not Severity.INFO] == []
    assert code in {clean for judgement in report.judgements for clean in judgement.clean}


def test_every_mistake_has_five_spellings_of_its_own() -> None:
    assert len(MISTAKES) == 12
    for _, pairs in MISTAKES.values():
        texts = {str(sorted(slots.items())) for pair in pairs for slots in pair}
        assert len(texts) == 10
