"""The report for GitHub Actions: one workflow command per finding, shown beside the line that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vae_checked.finding import Severity
from vae_checked.markup import github_message, github_property
from vae_checked.reports import remarks
from vae_checked.reports.text import statistics

if TYPE_CHECKING:
    from vae_checked.finding import Finding, Remark
    from vae_checked.reports import Report

_COMMAND = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render(report: Report) -> str:
    """`::error file=...,line=...::message` per finding, a warning per unread file and per remark, then the summary."""
    lines = [_annotation(each) for each in sorted(report.findings, key=lambda each: each.sort_key)]
    lines += [
        f"::warning file={github_property(path)}::{github_message(f'not read: {reason}')}"
        for path, reason in report.unread
    ]
    lines += [_remark(each) for found in remarks(report).values() for each in found]
    return "\n".join([*lines, *statistics(report), report.summary]) + "\n"


def _annotation(finding: Finding) -> str:
    place = finding.place
    properties = {"title": f"{finding.code} {finding.name}"}
    where = "" if place else f"{finding.subject}: "
    if place and place.cell is None:
        properties |= {"file": place.path, "line": str(place.line), "col": str(place.column)}
        if place.end_line is not None:
            properties["endLine"] = str(place.end_line)
        # GitHub refuses an end column on an annotation of several lines.
        if place.end_column is not None and place.end_line in (None, place.line):
            properties["endColumn"] = str(place.end_column)
    elif place:
        properties["file"] = place.path
        where = f"cell {place.cell}, line {place.line}: "
    named = ",".join(f"{key}={github_property(value)}" for key, value in properties.items())
    text = f"{where}{finding.message}\n{finding.grounds}\nfix: {finding.fix}"
    return f"::{_COMMAND[finding.severity]} {named}::{github_message(text)}"


def _remark(remark: Remark) -> str:
    place = remark.place
    where = f",line={place.line}" if place.cell is None else ""
    text = remark.message if place.cell is None else f"cell {place.cell}, line {place.line}: {remark.message}"
    return f"::warning title={remark.kind},file={github_property(place.path)}{where}::{github_message(text)}"
