"""Edits in a cell as edits in the notebook's JSON: no other byte of the file changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from vae_checked.finding import Finding
from vae_checked.linter.files import source as sources
from vae_checked.linter.run.fixes import Edit, propose

_BLANK = re.compile(r"[ \t\n\r]*")
# What stands for one character, or for one half of a surrogate pair, between the quotes.
_LETTER = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\]", re.DOTALL
)
_decoder = json.JSONDecoder()


def propose_in(finding: Finding, text: str) -> tuple[Edit, ...]:
    """The edits in the JSON `text` that fix `finding` in its cell; none where there is no one right answer."""
    number = None if finding.place is None else finding.place.cell
    if number is None:
        return ()
    try:
        cells = {cell.number: cell for cell in sources.parse("notebook.ipynb", text).cells}
        literals = _literals(text, number)
    except (sources.UnreadableError, ValueError, IndexError, KeyError, RecursionError):
        return ()
    if number not in cells:
        return ()
    cell = cells[number]
    letters = [each for start in literals for each in _letters(text, start)]
    written = "".join(letter for letter, _, _ in letters).split("\n")
    # Behind the last character an edit may stand as well, before the closing quote.
    ends = [end for _, _, end in letters]
    offsets = [*(start for _, start, _ in letters), *ends[-1:]]
    edits = []
    for edit in propose(finding, cell.text):
        # A line that was not read as it stands, such as one with a magic, is no line to write in.
        if edit.line != edit.end_line or written[edit.line - 1 : edit.line] != cell.lines[edit.line - 1 : edit.line]:
            return ()
        first = sum(len(line) + 1 for line in written[: edit.line - 1])
        start, end = first + edit.column - 1, first + edit.end_column - 1
        edits.append(_edit(text, offsets[start], ends[end - 1] if end > start else offsets[start], edit.text))
    return tuple(edits)


def _edit(text: str, start: int, end: int, new: str) -> Edit:
    """The edit of characters `start` to `end` of the file."""
    return Edit(*_place(text, start), *_place(text, end), json.dumps(new)[1:-1])


def _place(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _letters(text: str, start: int) -> Iterator[tuple[str, int, int]]:
    """The characters of the string literal whose quote is at `start`, each with its stretch of the file."""
    _, end = _decoder.raw_decode(text, start)
    for token in _LETTER.finditer(text, start + 1, end - 1):
        yield json.loads(f'"{token[0]}"'), token.start(), token.end()


# ------------------------------------------------------------------------------------------- where things stand


def _literals(text: str, number: int) -> list[int]:
    """Where the string literals begin that together are the source of a cell."""
    top = dict(_members(text, _after(text, 0)))
    if "cells" not in top:
        # The form of notebooks before version 4.
        sheet = next(_items(text, top["worksheets"]))
        top = dict(_members(text, sheet))
    cell = dict(_members(text, list(_items(text, top["cells"]))[number]))
    source = cell["source"] if "source" in cell else cell["input"]
    return [source] if text[source] == '"' else list(_items(text, source))


def _members(text: str, start: int) -> Iterator[tuple[str, int]]:
    """The keys of the object at `start`, and where their values begin."""
    if text[start] != "{":
        raise ValueError("no object")
    at = _after(text, start + 1)
    while text[at] != "}":
        key, at = _decoder.raw_decode(text, at)
        at = _after(text, _after(text, at) + 1)
        yield key, at
        at = _next(text, at)


def _items(text: str, start: int) -> Iterator[int]:
    """Where the items of the array at `start` begin."""
    if text[start] != "[":
        raise ValueError("no array")
    at = _after(text, start + 1)
    while text[at] != "]":
        yield at
        at = _next(text, at)


def _next(text: str, at: int) -> int:
    """Behind the value at `at` and the comma that follows it."""
    _, end = _decoder.raw_decode(text, at)
    end = _after(text, end)
    return _after(text, end + 1) if text[end] == "," else end


def _after(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return at if blank is None else blank.end()
