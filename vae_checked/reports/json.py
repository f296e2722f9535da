"""The report for a program: strictly valid JSON whose form is numbered by `format_version`.

Numbers that JSON has no form for are the strings "inf", "-inf" and "nan".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING

from vae_checked.finding import Severity
from vae_checked.markup import json_text
from vae_checked.reports import all_examined
from vae_checked.reports.standing import why_open

if TYPE_CHECKING:
    from vae_checked.catalogue.coverage import Examined
    from vae_checked.finding import Finding, Place
    from vae_checked.reports import Report

FORMAT_VERSION = 1


def render(report: Report) -> str:
    """The findings and what was not read; for an audit the facts, what was recognised and what was not observed too."""
    from vae_checked import __version__  # noqa: PLC0415  avoids a cycle: the package resolves its public names lazily

    whole = all_examined(report)
    document: dict[str, object] = {
        "format_version": FORMAT_VERSION,
        "tool": {"name": "vae-checked", "version": __version__},
        "summary": _summary(report, whole),
        "findings": [finding_record(finding) for finding in sorted(report.findings, key=lambda f: f.sort_key)],
        "unread": [{"path": path, "reason": reason} for path, reason in report.unread],
    }
    if report.of_source:
        document["left_out"] = [{"path": path, "reason": reason} for path, reason in report.left_out]
        document["remarks"] = [
            {"kind": str(each.kind), **_place_record(each.place), "message": each.message} for each in report.remarks
        ]
    document["examined"] = [_examined_record(each) for each in whole if each.is_vae]
    document["undecided"] = [
        {
            "subject": each.subject,
            "code": code,
            "missing": list(question.missing),
            "reason": why_open(question, each.views),
        }
        for each in whole
        if each.is_vae
        for code, question in sorted(each.undecided.items())
    ]
    if report.statistics is not None:
        document["statistics"] = {code: number for code, _, number in report.statistics}
    if not report.of_source:
        document |= {
            "facts": [plain(facts) for facts in report.facts],
            "recognised": list(report.recognised),
            "unobserved": list(report.unobserved),
        }
    return json_text(document)


def _summary(report: Report, whole: Sequence[Examined]) -> dict[str, object]:
    """What was found and how far it was looked, in numbers and in the words of the closing line."""
    vaes = [each for each in whole if each.is_vae]
    severities = [each.severity for each in report.findings]
    return {
        "findings": len(severities),
        **{str(severity): severities.count(severity) for severity in Severity},
        "vaes": len(vaes),
        "core_checked": sum(each.core_checked for each in vaes),
        "unread": len(report.unread),
        "words": report.summary,
    }


def finding_record(finding: Finding) -> dict[str, object]:
    """The record of one finding; its place is null where only a live model was measured."""
    place = finding.place
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": str(finding.severity),
        "subject": finding.subject,
        "also": list(finding.also),
        "path": place.path if place else None,
        "line": place.line if place else None,
        "end_line": (place.end_line or place.line) if place else None,
        "column": place.column if place else None,
        "end_column": place.end_column if place else None,
        "cell": place.cell if place else None,
        "message": finding.message,
        "evidence": finding.evidence,
        "how": str(finding.how),
        "fix": finding.fix,
        "fixed_line": finding.fixed_line or None,
        "related": [{**_place_record(each.place), "message": each.message} for each in finding.related],
    }


def _examined_record(examined: Examined) -> dict[str, object]:
    """How far one VAE was examined; `stopped_at` is the line that stopped the reading of its core, null without one."""
    gap = examined.gap
    return {
        "subject": examined.subject,
        "core_checked": examined.core_checked,
        "clean": list(examined.clean),
        "weighted": {code: settled.by for code, settled in examined.weighted.items()},
        "undecided": sorted(examined.undecided),
        "stopped_at": None if gap is None or gap.place is None else _place_record(gap.place),
    }


def _place_record(place: Place) -> dict[str, object]:
    return {"path": place.path, "line": place.line, "cell": place.cell}


def plain(value: object) -> object:
    """`value` as JSON has it: dataclasses and mappings become objects, sets sorted lists, enumerations their values."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)
