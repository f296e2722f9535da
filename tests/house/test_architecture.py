"""Pages on the project say what is: their modules exist, the rooms are all of them, the table is the walls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_house import ANY, COMMON, WALLS

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "vae_checked"
ROOTS = (PACKAGE, ROOT, ROOT / "tests" / "support")
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def named(page: str) -> list[str]:
    """The files and folders that a page names in backticks."""
    return re.findall(r"`([\w/]+(?:\.py|/))`", page)


def missing(page: str) -> list[str]:
    """Those of them that are not there, as seen from the package, the project or what tests share."""
    return [path for path in named(page) if not any((root / path).exists() for root in ROOTS)]


@pytest.mark.parametrize("page", ["docs/architecture.md", "tests/README.md", "CONTRIBUTING.md"])
def test_everything_that_a_page_names_exists(page: str) -> None:
    text = re.sub(r"^In a new file .*$", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.M)
    assert len(named(text)) > 5
    assert missing(text) == []


def test_a_module_that_there_is_not_is_seen() -> None:
    page = "`linter/roles/kl.py` and `linter/` and `linter/kl.py` and `attic/` and `tests/test_house.py`, not `mu`"
    assert missing(page) == ["linter/kl.py", "attic/"]


@pytest.mark.parametrize("observer", ["linter", "auditor"])
def test_every_step_of_an_observer_is_on_the_page(observer: str) -> None:
    steps = {path.parent.name for path in (PACKAGE / observer).glob("*/__init__.py")}
    assert steps
    assert {path.split("/")[1] for path in named(PAGE) if path.startswith(f"{observer}/") and "/" in path[:-1]} >= steps


def rows(page: str) -> Iterator[tuple[list[str], set[str] | None]]:
    """The rooms of each row of the table, and what they may import."""
    for first, last in re.findall(r"^\| (`.+?`) \|.*\| ([^|]*) \|$", page.split("## Words", maxsplit=1)[0], re.M):
        allowed = set() if last == "nothing" else ANY if last == "any" else set(last.split(", "))
        yield [Path(each).stem for each in named(first)], allowed


def test_the_table_of_rooms_is_the_walls() -> None:
    table = {room: allowed for rooms, allowed in rows(PAGE) for room in rooms}
    beside = {*COMMON, "config", "load", "__init__", "__main__"}
    assert table == {room: allowed for room, allowed in WALLS.items() if room not in beside}
    sentence = next(line for line in PAGE.split("\n\n") if line.startswith("Every room may import"))
    assert {Path(each).stem for each in named(sentence.split("which import", maxsplit=1)[0])} == COMMON
