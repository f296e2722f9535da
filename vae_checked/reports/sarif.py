"""The report for code scanning services: SARIF 2.1.0 (OASIS standard, 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vae_checked.finding import OUTSIDE_THE_CATALOGUE, Severity
from vae_checked.reports import remarks
from vae_checked.sarif_log import artifact, documentation, sarif_log
from vae_checked.text import without_comment

if TYPE_CHECKING:
    from vae_checked.catalogue import Mistake
    from vae_checked.finding import Finding, Place, Remark
    from vae_checked.reports import Report

_LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def render(report: Report) -> str:
    """One run: the rules that the findings name, the findings as results, the unread files as notifications."""
    from vae_checked.catalogue import CATALOGUE  # noqa: PLC0415  only reports of this kind need the rules

    findings = sorted(report.findings, key=lambda each: each.sort_key)
    named = {each.code for each in findings}
    rules = sorted((each for each in CATALOGUE if each.code in named), key=lambda each: each.code)
    others = [code for code in OUTSIDE_THE_CATALOGUE if code in named]
    index = {code: position for position, code in enumerate([*(each.code for each in rules), *others])}
    home = documentation()
    notes = [
        *(_unread(path, reason) for path, reason in report.unread),
        *(_note(each) for found in remarks(report).values() for each in found),
    ]
    counts = report.statistics
    return sarif_log(
        rules=[*(_rule(each, home) for each in rules), *map(_other_rule, others)],
        results=[_result(each, index) for each in findings],
        # What could not be read was not judged: a reader must not take the silence for health.
        successful=not report.unread,
        notes=notes,
        more=None if counts is None else {"properties": {"statistics": {code: number for code, _, number in counts}}},
    )


def _unread(path: str, reason: str) -> dict[str, object]:
    place = {"physicalLocation": {"artifactLocation": artifact(path)}}
    return {"level": "warning", "message": {"text": reason}, "locations": [place]}


def _note(remark: Remark) -> dict[str, object]:
    return {
        "level": "note",
        "descriptor": {"id": str(remark.kind).replace(" ", "-")},
        "message": {"text": remark.message},
        "locations": [_location(remark.place)],
    }


def _rule(mistake: Mistake, home: str) -> dict[str, object]:
    from vae_checked.reports.page import markdown_page  # noqa: PLC0415  only reports of this kind need the pages

    return {
        "id": mistake.code,
        "name": "".join(part.capitalize() for part in mistake.name.split("-")),
        "shortDescription": {"text": mistake.summary},
        "fullDescription": {"text": mistake.why},
        **({"helpUri": f"{home}/catalogue/{mistake.code}/"} if home else {}),
        "help": {"text": f"vae-checked explain {mistake.code}", "markdown": markdown_page(mistake)},
        "defaultConfiguration": {"level": _LEVEL[mistake.severity]},
    }


def _other_rule(code: str) -> dict[str, object]:
    return {"id": code, "shortDescription": {"text": OUTSIDE_THE_CATALOGUE[code]}}


def _result(finding: Finding, index: dict[str, int]) -> dict[str, object]:
    result: dict[str, object] = {
        "ruleId": finding.code,
        "level": _LEVEL[finding.severity],
        "message": {"text": f"{finding.message} ({finding.grounds}). Fix: {finding.fix}"},
    }
    if finding.code in index:
        result["ruleIndex"] = index[finding.code]
    if finding.place:
        result["locations"] = [_location(finding.place)]
    else:
        result["locations"] = [{"logicalLocations": [{"fullyQualifiedName": finding.subject}]}]
    if finding.fixed_line and finding.place and finding.place.cell is None:
        result["fixes"] = [_fix(finding, finding.place)]
    if finding.related:
        result["relatedLocations"] = [
            {"id": number, **_location(each.place), "message": {"text": each.message}}
            for number, each in enumerate(finding.related)
        ]
    return result


def _fix(finding: Finding, place: Place) -> dict[str, object]:
    """The edit of the flagged line: its code is replaced, its indentation and its comment stay."""
    code = without_comment(place.text.rstrip())
    start = len(code) - len(code.lstrip()) + 1
    region = {"startLine": place.line, "startColumn": start, "endLine": place.line, "endColumn": len(code) + 1}
    replacement = {"deletedRegion": region, "insertedContent": {"text": finding.fixed_line}}
    change = {"artifactLocation": artifact(place.path), "replacements": [replacement]}
    return {"description": {"text": finding.fix}, "artifactChanges": [change]}


def _location(place: Place) -> dict[str, object]:
    # SARIF knows no cells: a line within one would point into the notebook's JSON, so the cell is named in words.
    location: dict[str, object] = {"artifactLocation": artifact(place.path)}
    if place.cell is not None:
        return {
            "physicalLocation": location,
            "logicalLocations": [{"name": f"cell {place.cell}, line {place.line}"}],
        }
    region = {"startLine": place.line, "startColumn": place.column, "endLine": place.end_line or place.line}
    if place.end_column is not None:
        region["endColumn"] = place.end_column
    if place.text:
        return {"physicalLocation": {**location, "region": {**region, "snippet": {"text": place.text}}}}
    return {"physicalLocation": {**location, "region": region}}
