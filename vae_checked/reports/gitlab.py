"""The report for GitLab: the JSON of its code quality widget, one entry per finding."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vae_checked.finding import Severity
from vae_checked.markup import json_list

if TYPE_CHECKING:
    from vae_checked.finding import Finding
    from vae_checked.reports import Report

_SEVERITY = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.INFO: "info"}


def render(report: Report) -> str:
    """An array of entries in the order of the places; unread files are entries too, for they were not judged."""
    return json_list([*_findings(report), *(_unread(path, reason) for path, reason in report.unread)])


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
            "fingerprint": _fingerprint((*key, str(seen[key]))),
            "severity": _SEVERITY[each.severity],
            "location": _location(each),
        }


def _location(finding: Finding) -> dict[str, object]:
    place = finding.place
    if place is None:
        return {"path": finding.subject, "lines": {"begin": 1}}
    # A line within a cell of a notebook is none of its file.
    lines = {"begin": 1} if place.cell is not None else {"begin": place.line, "end": place.end_line or place.line}
    return {"path": place.path, "lines": lines}


def _unread(path: str, reason: str) -> dict[str, object]:
    return {
        "description": f"not read, so not judged: {reason}",
        "check_name": "unread",
        "fingerprint": _fingerprint(("unread", path)),
        "severity": "major",
        "location": {"path": path, "lines": {"begin": 1}},
    }


def _fingerprint(parts: tuple[str, ...]) -> str:
    from hashlib import sha256  # noqa: PLC0415  only reports of this kind need it

    return sha256(json.dumps(parts).encode()).hexdigest()
