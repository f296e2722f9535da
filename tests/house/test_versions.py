"""The bounds of pyproject.toml are what was run: docs/versions.jsonl holds the runs."""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vae_checked.errors import OLDEST_TORCH

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs"))

import tested_versions  # noqa: E402  docs/ is no package
from tested_versions import numbers  # noqa: E402

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
BOUNDED = {"torch": "torch", "jaxtyping": "torch", "beartype": "torch", "rich": "terminal"} | dict.fromkeys(
    ("pytest", "hypothesis"), "pytest"
)
GREEN = [each.versions for each in tested_versions.tested() if each.green]


def bound(package: str) -> str:
    """The lower bound of a package in the extra that brings it."""
    (found,) = [each for each in EXTRAS[BOUNDED[package]] if each.startswith(f"{package}>=")]
    return found.removeprefix(f"{package}>=")


@pytest.mark.parametrize("package", sorted(BOUNDED))
def test_each_lower_bound_is_the_oldest_version_that_passed(package: str) -> None:
    lowest = min(numbers(run[package]) for run in GREEN)
    wanted = numbers(bound(package))
    assert lowest[: len(wanted)] == wanted


def test_the_torch_that_is_asked_for_at_run_time_is_the_lower_bound() -> None:
    assert bound("torch") == OLDEST_TORCH


def test_each_python_that_is_named_has_passed() -> None:
    passed = {numbers(run["python"])[:2] for run in GREEN}
    named = {
        numbers(match[1])
        for each in PROJECT["classifiers"]
        if (match := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", each))
    }
    assert named == passed
    assert numbers(PROJECT["requires-python"].removeprefix(">=")) == min(passed)


def test_the_page_has_a_row_for_each_run() -> None:
    page = (ROOT / "docs" / "versions.md").read_text(encoding="utf-8")
    for each in tested_versions.tested():
        assert f"| {' | '.join(each.versions.values())} | " in page


def test_a_room_that_was_not_run_or_failed_is_not_green() -> None:
    every = tested_versions.Tested({}, tested_versions.ROOMS, 9, 0, 1, "2026-11-28")
    assert every.green
    assert not replace(every, failed=1).green
    assert not replace(every, rooms=tested_versions.ROOMS - {"shapes"}).green


def test_versions_are_compared_as_numbers() -> None:
    assert sorted(["2.13.0+cpu", "2.4.0", "2.13.0", "2.14.1"], key=numbers) == [
        "2.4.0",
        "2.13.0+cpu",
        "2.13.0",
        "2.14.1",
    ]
