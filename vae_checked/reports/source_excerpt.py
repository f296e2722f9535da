"""A line of source with carets under what a finding speaks of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vae_checked.text import cells, printable

if TYPE_CHECKING:
    from vae_checked.finding import Place

_WIDTH = 160
_LEAST = 24
_TAB = "    "


def excerpt(place: Place, width: int | None = None) -> Sequence[str]:
    """The line of source and, below it, carets under the stretch that `place` names.

    A line that does not fit into `width` columns is cut around the stretch.
    """
    number = f"    {place.line}"
    room = max(_LEAST, (width or _WIDTH + len(number) + 3) - len(number) - 3)
    text, start, end = _cut(*_marked(place), room)
    carets = "^" * sum(map(cells, text[start:end])) or "^"
    pad = " " * sum(map(cells, text[:start]))
    return (f"{number} | {text}", f"{' ' * len(number)} | {pad}{carets}")


def _marked(place: Place) -> tuple[str, int, int]:
    """The line as it is shown, and where in it the stretch begins and ends."""
    source = place.text.rstrip("\r\n")
    start = min(place.column - 1, len(source))
    same_line = place.end_line in (None, place.line)
    end = place.end_column - 1 if same_line and place.end_column else len(source.rstrip())
    end = max(start + 1, min(end, len(source)))
    parts = (source[:start], source[start:end], source[end:])
    before, named, after = (printable(part, keep="\t").replace("\t", _TAB) for part in parts)
    return f"{before}{named}{after}", len(before), len(before) + max(1, len(named))


def _cut(text: str, start: int, end: int, room: int) -> tuple[str, int, int]:
    """What of a line fits into so many columns, with `…` where something is left out: the stretch before all else."""
    if sum(map(cells, text)) <= room:
        return text, start, end
    # What a line that is too long can best do without is its indentation.
    indent = min(len(text) - len(text.lstrip()), start)
    text, start, end = text[indent:], start - indent, end - indent
    if sum(map(cells, text)) <= room:
        return text, start, end
    # As much before the stretch as leaves room for it, at most a quarter of the line.
    lead = max(0, min(room // 4, room - 2 - sum(map(cells, text[start:end]))))
    first = start
    while first and sum(map(cells, text[first - 1 : start])) <= lead:
        first -= 1
    last, taken = first, 0
    while last < len(text) and taken + cells(text[last]) <= room - 2:
        taken += cells(text[last])
        last += 1
    if last == len(text):
        # The end of the line is reached: what room is left shows more of its beginning.
        while first and sum(map(cells, text[first - 1 : last])) <= room - 2:
            first -= 1
    head, tail = "…" * bool(first), "…" * (last < len(text))
    return f"{head}{text[first:last]}{tail}", start - first + len(head), min(end, last) - first + len(head)
