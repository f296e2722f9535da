"""Follows the how-tos of CONTRIBUTING.md literally: writes the files, makes the edits, runs the commands.

A step is a line that ends in a colon, with the fenced block below it: "In a new file `PATH`:" with its text, "In
`PATH`:" with a diff whose lines but for the added ones stand in the file once, or any line with a console block, whose
commands stand behind `$ ` and are followed by lines of what they print (`...` for what is left out, of a line too).
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from preloaded import run_python

_STEP = re.compile(r"^(?P<lead>[^\n]*:)\n\n```(?P<kind>\w+)\n(?P<block>.*?)^```$", re.M | re.S)
_PATH = re.compile(r"`([\w./-]+)`")
# What each is to Python, which is there with torch imported: most of them need it.
_PROGRAMS = {
    "python": [],
    "vae-checked": ["-m", "vae_checked"],
    # The examples of the pages are run by a test of their own.
    "make docs": ["docs/generate.py", "--without-examples"],
}


@dataclass(frozen=True)
class NewFile:
    """A file and its text."""

    path: str
    text: str

    def follow(self, folder: Path) -> None:
        """Write the file, which there was not."""
        target = folder / self.path
        assert not target.exists(), f"{self.path} is there already"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(self.text, encoding="utf-8")


@dataclass(frozen=True)
class Edit:
    """A file, and a stretch of it as it is before and after."""

    path: str
    before: str
    after: str

    def follow(self, folder: Path) -> None:
        """Make the edit in the one place where it fits."""
        target = folder / self.path
        text = target.read_text(encoding="utf-8")
        assert text.count(self.before) == 1, f"{self.path} holds {text.count(self.before)} times:\n{self.before}"
        target.write_text(text.replace(self.before, self.after), encoding="utf-8")


@dataclass(frozen=True)
class Run:
    """A command, or several that a `|` joins, and lines of what the last prints."""

    command: str
    printed: tuple[str, ...]

    def follow(self, folder: Path) -> None:
        """Run the command, which succeeds and prints these lines in this order."""
        environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
        printed = ""
        for command in self.command.split(" | "):
            name = next(name for name in _PROGRAMS if command.startswith(name))
            words = [*_PROGRAMS[name], *shlex.split(command.removeprefix(name))]
            done = run_python(*words, given=printed, cwd=folder, env=environment)
            printed = done.stdout
            assert done.returncode == 0, f"{command}\n{printed[-3000:]}{done.stderr[-3000:]}"
        missing = _missing(self.printed, printed.splitlines())
        assert missing is None, f"{self.command} does not print {missing!r} there:\n{printed[-3000:]}"


Step = NewFile | Edit | Run


def _missing(wanted: Sequence[str], lines: Sequence[str]) -> str | None:
    """The first of the wanted lines that the others do not go on with."""
    rest = iter(line.rstrip() for line in lines)
    for line in wanted:
        begun = line.removesuffix("...") if line.endswith("...") else None
        found = (each.startswith(begun) if begun is not None else each == line.rstrip() for each in rest)
        if line != "..." and not any(found):
            return line
    return None


def how_tos(text: str) -> dict[str, list[Step]]:
    """By heading the steps of every section whose heading begins with `To add`."""
    sections = re.split(r"^## (.+)$", text, flags=re.M)[1:]
    return {
        heading: list(steps(body))
        for heading, body in zip(sections[::2], sections[1::2], strict=True)
        if heading.startswith("To add")
    }


def steps(text: str) -> list[Step]:
    """The steps of a section, in its order; AssertionError for a block that is none."""
    found: list[Step] = []
    matches = list(_STEP.finditer(text))
    assert len(matches) == len(re.findall(r"^```\w+$", text, re.M)), "a block stands below no line that ends in a colon"
    for match in matches:
        block, path = match["block"], _PATH.search(match["lead"])
        if match["kind"] == "console":
            for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
                command, *printed = part.splitlines()
                found.append(Run(command, tuple(printed)))
            continue
        assert path is not None, f"no path is named before a block: {match['lead']}"
        if match["kind"] == "diff":
            lines = block.splitlines(keepends=True)
            assert all(line[0] in " +-\n" for line in lines), f"no diff: {block}"
            before = "".join(line[1:] or "\n" for line in lines if line[0] != "+")
            after = "".join(line[1:] or "\n" for line in lines if line[0] != "-")
            found.append(Edit(path[1], before, after))
        else:
            found.append(NewFile(path[1], block))
    return found
