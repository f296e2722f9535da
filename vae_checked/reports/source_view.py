"""Source as a page shows it: a few lines with their numbers, words in colour, and what is meant marked."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vae_checked.markup import html_text
from vae_checked.regular_files import content

if TYPE_CHECKING:
    from vae_checked.finding import Place

_AROUND = 3
_MOST = 4_000_000
_LONGEST = 400
_TOKENS = re.compile(
    r"(?P<remark>#.*)|(?P<text>[rbfuRBFU]{0,2}(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"))|(?P<word>\b(?:"
    + "|".join(keyword.kwlist)
    + r")\b)"
)


class Sources:
    """The lines of the files that findings stand in, each file read once."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}

    def shown(self, place: Place) -> str:
        """The flagged line with the lines around it, where the file still holds it; else the line alone."""
        if place.path not in self._lines:
            self._lines[place.path] = _read(place.path)
        lines = self._lines[place.path] if place.cell is None else []
        here = place.line - 1
        if not (0 <= here < len(lines) and lines[here].rstrip() == place.text.rstrip()):
            return _row(place.line, place.text, place)
        around = range(max(0, here - _AROUND), min(len(lines), here + _AROUND + 1))
        return "\n".join(_row(number + 1, lines[number], place if number == here else None) for number in around)


def _read(path: str) -> list[str]:
    try:
        return content(Path(path), _MOST).decode("utf-8").splitlines()
    except (OSError, ValueError):
        return []


def _row(number: int, line: str, place: Place | None) -> str:
    line = line.rstrip("\r\n")[:_LONGEST]
    start, end = (0, 0) if place is None else _marked(line, place)
    row = f'<span class="number">{number:>5}</span>  {"".join(_coloured(line, start, end))}'
    return row if place is None else f'<span class="hit">{row}</span>'


def _marked(line: str, place: Place) -> tuple[int, int]:
    same_line = place.end_line in (None, place.line)
    end = place.end_column - 1 if same_line and place.end_column else len(line.rstrip())
    return min(place.column - 1, len(line)), min(max(end, place.column), len(line))


def _coloured(line: str, start: int, end: int) -> Iterator[str]:
    """The letters of a line in spans, those from `start` to `end` in a mark."""
    for first, last, marked in ((0, start, False), (start, end, True), (end, len(line), False)):
        inner = "".join(_spans(line, first, last))
        if inner:
            yield f"<mark>{inner}</mark>" if marked else inner


def _spans(line: str, first: int, last: int) -> Iterator[str]:
    at = first
    for found in _TOKENS.finditer(line):
        start, stop = max(found.start(), first), min(found.end(), last)
        if start < stop:
            yield html_text(line[at:start])
            yield f'<span class="{found.lastgroup}">{html_text(line[start:stop])}</span>'
            at = stop
    yield html_text(line[at:last])
