"""The report for CI servers: JUnit XML, one test case per VAE and mistake that was examined."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from vae_checked.reports import remarks, tally

if TYPE_CHECKING:
    from vae_checked.finding import Finding
    from vae_checked.reports import Report

# What XML 1.0 cannot hold, even escaped (section 2.2 of the recommendation).
_UNPRINTABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: Report) -> str:
    """A failure per finding, a pass per mistake examined and clean, an error per unread file."""
    findings = sorted(report.findings, key=lambda each: each.sort_key)
    clean = sorted((each.subject, code) for each in report.judgements for code in each.clean)
    total = len(findings) + len(clean) + len(report.unread)
    counts = f'tests="{total}" failures="{len(findings)}" errors="{len(report.unread)}"'
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f"<testsuites {counts}>",
        f'  <testsuite name="vae-checked" {counts}>',
        *_properties(report),
        *(_failure(each) for each in findings),
        *(f"    <testcase classname={_quoted(subject)} name={_quoted(code)}/>" for subject, code in clean),
        *(_unread(path, reason) for path, reason in report.unread),
        *_said_beside(report),
        "  </testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _failure(finding: Finding) -> str:
    place = finding.place
    where = f" file={_quoted(place.path)} line={_quoted(str(place.line))}" if place else ""
    body = _escaped(f"{place or finding.subject}: {finding.message}\nmeasured: {finding.measured}\nfix: {finding.fix}")
    return (
        f"    <testcase classname={_quoted(finding.subject)} name={_quoted(f'{finding.code} {finding.name}')}{where}>"
        f"<failure type={_quoted(str(finding.severity))} message={_quoted(finding.message)}>{body}</failure></testcase>"
    )


def _unread(path: str, reason: str) -> str:
    return f'    <testcase classname={_quoted(path)} name="read"><error message={_quoted(reason)}/></testcase>'


def _properties(report: Report) -> Iterator[str]:
    """How often each mistake was found, where that was asked for."""
    counts = tally(report) or ()
    each = "".join(f"<property name={_quoted(code)} value={_quoted(str(number))}/>" for code, _, number in counts)
    if each:
        yield f"    <properties>{each}</properties>"


def _said_beside(report: Report) -> Iterator[str]:
    """The remarks, which are neither passes nor failures."""
    lines = [f"{heading}: {each}" for heading, found in remarks(report).items() for each in found]
    if lines:
        yield f"    <system-out>{_escaped(chr(10).join(lines))}</system-out>"


def _quoted(text: str) -> str:
    return quoteattr(_UNPRINTABLE.sub("�", text))


def _escaped(text: str) -> str:
    return escape(_UNPRINTABLE.sub("�", text))
