"""The remedy of a finding as the line that its edit makes: in the user's own words, where there is one right answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from vae_checked.catalogue import find
from vae_checked.finding import Finding
from vae_checked.linter.files import source as sources
from vae_checked.linter.run.fixes import Trees, apply, propose
from vae_checked.record import replace
from vae_checked.text import without_comment


def with_fixed_lines(findings: Iterable[Finding], texts: Mapping[str, str | bytes]) -> tuple[Finding, ...]:
    """Findings whose `fix` is the flagged line as it should be, where one edit of that line is the answer.

    `texts` are contents by path, to read in place of what is on disk.
    """
    cells: dict[str, dict[int | None, str]] = {}
    made, trees = [], Trees()
    for finding in findings:
        place = finding.place
        if place is None or not finding.mendable or find(finding.code).fixer is None:
            made.append(finding)
            continue
        if place.path not in cells:
            cells[place.path] = _cells(place.path, texts)
        line = _fixed(finding, place.line, cells[place.path].get(place.cell, ""), trees)
        made.append(finding if line in ("", place.text.strip()) else replace(finding, fix=line, fixed_line=line))
    return tuple(made)


def _cells(path: str, texts: Mapping[str, str | bytes]) -> dict[int | None, str]:
    try:
        data = texts[path] if path in texts else sources.read(Path(path))
        return sources.texts(path, data)
    except sources.UnreadableError:
        return {}


def _fixed(finding: Finding, line: int, text: str, trees: Trees) -> str:
    """The flagged line after the edits, its comment left out; empty where there are none, or on other lines."""
    edits = propose(finding, text, trees)
    if not edits or any(edit.line != line or edit.end_line != line or "\n" in edit.text for edit in edits):
        return ""
    return without_comment(apply(text, edits).split("\n")[line - 1]).strip()
