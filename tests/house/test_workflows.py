"""The workflows that pages and examples show: whole, pinned, and with inputs that the action takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PINNED = re.compile(r"uses: (?:\./|[\w./-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+$)")


def workflows() -> Iterator[tuple[str, str]]:
    """Every YAML text that uses actions, with the file that shows it."""
    for path in (*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"):
        for text in re.findall(r"^```yaml\n(.*?)^```$", path.read_text(encoding="utf-8"), re.M | re.S):
            yield str(path.relative_to(ROOT)), text
    for path in sorted((ROOT / "examples").rglob("*.yml")):
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def floating(text: str) -> list[str]:
    """The actions of `text` that a commit does not name: whoever moves a tag could change what runs."""
    return [line.strip() for line in text.splitlines() if "uses: " in line and not PINNED.search(line)]


def steps(entry: Any) -> Iterator[dict[str, Any]]:
    match entry:
        case dict():
            if "uses" in entry:
                yield entry
            for below in entry.values():
                yield from steps(below)
        case list():
            for below in entry:
                yield from steps(below)


def test_every_action_is_pinned_by_its_commit() -> None:
    shown = list(workflows())
    assert any("uses: actions/checkout@" in text for _, text in shown)
    assert [(path, line) for path, text in shown for line in floating(text)] == []


@pytest.mark.parametrize(
    "line", ["uses: actions/checkout@v4", "- uses: a/b@main  # v1.2.3", f"uses: a/b@{'0' * 39}  # v1.2.3"]
)
def test_an_action_that_floats_is_seen(line: str) -> None:
    assert floating(line) == [line]


def test_what_is_handed_to_the_action_is_what_it_takes() -> None:
    inputs = set(yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["inputs"])
    own = [each for _, text in workflows() for each in steps(yaml.safe_load(text)) if each["uses"].startswith("./")]
    assert len(own) >= 3
    assert [set(each["with"]) - inputs for each in own] == [set()] * len(own)
