"""The report for GitLab: the JSON of its code quality widget, one entry per finding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vae_checked.finding import RemarkKind, Severity
from vae_checked.markup import fingerprint, json_list
from vae_checked.reports import remarks

if TYPE_CHECKING:
    from vae_checked.finding import Finding, Place, Remark
    from vae_checked.reports import Report

_SEVERITY = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.INFO: "info"}
# What a live model does, or does not, is said of a finding that has its own entry.
_REMARKS = {
    RemarkKind.INTERNAL_ERROR: "major",
    RemarkKind.UNEXAMINED: "minor",
    RemarkKind.UNUSED_SUPPRESSION: "info",
    RemarkKind.STALE_BASELINE: "info",
}


def render(report: Report) -> str:
    """An array of entries in the order of the places; what was not read or not examined follows: it was not judged."""
    unread = (_unread(path, reason) for path, reason in report.unread)
    return json_list([*_findings(report), *unread, *_remarks(report)])


def _findings(report: Report) -> Iterator[dict[str, object]]:
    seen: Counter[tuple[str, ...]] = Counter()
    for each in sorted(report.findings, key=lambda each: each.sort_key):
        place = each.place
        # Lines move; the text of the line, and how many of its like stand above it, say which one it is.
        key = (each.code, place.path if place else "", each.subject, place.text.strip() if place else "")
        seen[key] += 1
        yield {
            "description": f"{each.code} {each.name}: {each.message} ({each.grounds}). Fix: {each.fix}",
            "check_name": each.code,
            "fingerprint": fingerprint((*key, str(seen[key]))),
            "severity": _SEVERITY[each.severity],
            "location": _location(each),
        }


def _location(finding: Finding) -> dict[str, object]:
    place = finding.place
    return {"path": finding.subject, "lines": {"begin": 1}} if place is None else _located(place)


def _located(place: Place) -> dict[str, object]:
    # A line within a cell of a notebook is none of its file.
    lines = {"begin": 1} if place.cell is not None else {"begin": place.line, "end": place.end_line or place.line}
    return {"path": place.path, "lines": lines}


def _remarks(report: Report) -> Iterator[dict[str, object]]:
    seen: Counter[tuple[str, ...]] = Counter()
    for each in (each for found in remarks(report).values() for each in found if each.kind in _REMARKS):
        key = (each.kind.value, each.place.path, each.place.text.strip(), each.message)
        seen[key] += 1
        yield _remark(each, fingerprint((*key, str(seen[key]))))


def _remark(remark: Remark, known_by: str) -> dict[str, object]:
    return {
        "description": f"{remark.kind}: {remark.message}",
        "check_name": remark.kind.value.replace(" ", "-"),
        "fingerprint": known_by,
        "severity": _REMARKS[remark.kind],
        "location": _located(remark.place),
    }


def _unread(path: str, reason: str) -> dict[str, object]:
    return {
        "description": f"not read, so not judged: {reason}",
        "check_name": "unread",
        "fingerprint": fingerprint(("unread", path)),
        "severity": "major",
        "location": {"path": path, "lines": {"begin": 1}},
    }
