"""Comments that switch findings off: `# noqa`, `# noqa: VAE201`, `# vae-checked: ignore[VAE201]`."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Collection, Iterable, Iterator

from vae_checked.finding import Finding, Place, Remark, RemarkKind
from vae_checked.linter.files.source import Cell, File
from vae_checked.record import dataclass, field

_COMMENT = re.compile(r"#\s*noqa(?P<noqa>\s*:\s*[A-Z0-9, ]+)?|#\s*vae-checked:\s*ignore(?P<ours>\[[^\]]*\])?", re.I)
_ANY = re.compile("noqa|vae-checked", re.I)
_CODE = re.compile(r"VAE\d{3}", re.I)


@dataclass(slots=True, eq=False)
class Suppression:
    """One comment: the codes that it names (none: all), whether it is this tool's own, and which codes it met."""

    path: str
    cell: int | None
    line: int
    codes: frozenset[str]
    own: bool
    used: set[str] = field(default_factory=set)


class Suppressions:
    """The comments of some files, and which of them were needed.

    A text is read for comments when it names this tool or one of its codes, else when a finding stands in it. In the
    files `beside` they hold as well, but none is called unused: those were read for what others need of them.
    """

    def __init__(self, files: Iterable[File], beside: Iterable[File] = ()) -> None:
        own = {file.path: file for file in files}
        every = {file.path: file for file in beside} | own
        self._own = own.keys()
        self._cells = {(file.path, cell.number): cell for file in every.values() for cell in file.cells}
        self._known: dict[tuple[str, int | None], dict[int, list[Suppression]]] = {}
        for (path, number), cell in self._cells.items():
            if _names_this_tool(cell.text):
                self._of(path, number)

    def _of(self, path: str, number: int | None) -> dict[int, list[Suppression]]:
        """The comments of a cell by line."""
        if (path, number) not in self._known:
            known = self._known[path, number] = {}
            cell = self._cells.get((path, number))
            for line, text in () if cell is None else _comments(cell):
                known.setdefault(line, []).extend(_read(path, number, line, text))
        return self._known[path, number]

    def covers(self, finding: Finding) -> bool:
        """Whether a comment on one of the finding's lines switches it off."""
        place = finding.place
        if place is None:
            return False
        covered = False
        for line in range(place.line, (place.end_line or place.line) + 1):
            for item in self._of(place.path, place.cell).get(line, ()):
                if not item.codes or finding.code in item.codes:
                    item.used.add(finding.code)
                    covered = True
        return covered

    def unused(self, examined: Collection[str]) -> tuple[Remark, ...]:
        """A remark per comment that met nothing, as far as the codes that were examined tell."""
        remarks = []
        known = [item for (path, _), lines in self._known.items() if path in self._own for item in lines.values()]
        for item in (item for items in known for item in items):
            idle = sorted(code for code in item.codes - item.used if code in examined)
            place = Place(item.path, item.line, cell=item.cell)
            if idle or (item.own and not item.codes and not item.used):
                what = f"{', '.join(idle) or 'nothing'} {'not ' if idle else ''}found here: the comment can go"
                remarks.append(Remark(RemarkKind.UNUSED_SUPPRESSION, what, place))
        return tuple(sorted(remarks, key=lambda each: each.place.sort_key))


def _names_this_tool(text: str) -> bool:
    """Whether a line of a text names this tool, or one of its codes behind a `noqa`."""
    lowered = text.lower()
    if "vae-checked" in lowered:
        return True
    return "noqa" in lowered and any("vae" in line.partition("noqa")[2] for line in lowered.split("\n"))


def _comments(cell: Cell) -> Iterator[tuple[int, str]]:
    """The comments that may be meant; what stands in a string is none."""
    if _ANY.search(cell.text) is None:
        return
    try:
        for token in tokenize.generate_tokens(io.StringIO(cell.text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string
    except (tokenize.TokenError, SyntaxError):
        return


def _read(path: str, cell: int | None, line: int, comment: str) -> Iterator[Suppression]:
    for match in _COMMENT.finditer(comment):
        listed = match["noqa"] or match["ours"]
        codes = frozenset(code.upper() for code in _CODE.findall(listed or ""))
        if codes or not listed:
            yield Suppression(path, cell, line, codes, "vae-checked" in match.group().lower())
