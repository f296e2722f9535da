"""Words that several rooms use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vae_checked.text import counted, described, shown


def test_counted() -> None:
    assert [counted(n, "file") for n in (0, 1, 2)] == ["0 files", "1 file", "2 files"]


def raised(action: object) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011  whatever it is
        action()  # type: ignore[operator]
    return caught.value


def test_an_error_names_its_kind_its_first_line_and_the_users_own_line() -> None:
    error = raised(lambda: json.loads("{"))
    line = error.__traceback__.tb_next.tb_lineno
    assert described(error).startswith("JSONDecodeError: Expecting property name enclosed in double quotes")
    assert described(error).endswith(f"test_text.py:{line})")


def test_an_error_without_words_or_a_traceback_is_its_kind() -> None:
    assert described(KeyError()) == "KeyError"
    assert described(ValueError("first\nsecond")) == "ValueError: first"


def test_a_path_is_shown_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(str(tmp_path / "a" / "b.py")) == str(Path("a") / "b.py")
    assert shown(str(tmp_path) + "_other/b.py") == str(tmp_path) + "_other/b.py"
