"""The report for CI servers: JUnit XML, one test case per VAE and mistake that was examined."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vae_checked.markup import junit_document, xml_attribute, xml_text
from vae_checked.reports import all_examined, remarks
from vae_checked.reports.standing import clean_codes
from vae_checked.text import inert

if TYPE_CHECKING:
    from vae_checked.finding import Finding
    from vae_checked.reports import Report


def render(report: Report) -> str:
    """A failure per finding, a pass per mistake examined and clean, an error per unread file."""
    findings = sorted(report.findings, key=lambda each: each.sort_key)
    clean = sorted((each.subject, code) for each in all_examined(report) for code in clean_codes(report, each))
    total = len(findings) + len(clean) + len(report.unread)
    lines = [
        *_properties(report),
        *(_failure(each) for each in findings),
        *(f"<testcase classname={xml_attribute(subject)} name={xml_attribute(code)}/>" for subject, code in clean),
        *(_unread(path, reason) for path, reason in report.unread),
        *_said_beside(report),
    ]
    return junit_document("vae-checked", lines, tests=total, failures=len(findings), errors=len(report.unread))


def _failure(finding: Finding) -> str:
    place = finding.place
    where = f" file={xml_attribute(place.path)} line={xml_attribute(str(place.line))}" if place else ""
    said = (f"{place or finding.subject}: {finding.message}", finding.grounds, f"fix: {finding.fix}")
    body = xml_text("\n".join(map(inert, said)))
    case = f"classname={xml_attribute(finding.subject)} name={xml_attribute(f'{finding.code} {finding.name}')}"
    told = f"type={xml_attribute(str(finding.severity))} message={xml_attribute(finding.message)}"
    return f"<testcase {case}{where}><failure {told}>{body}</failure></testcase>"


def _unread(path: str, reason: str) -> str:
    return f'<testcase classname={xml_attribute(path)} name="read"><error message={xml_attribute(reason)}/></testcase>'


def _properties(report: Report) -> Iterator[str]:
    """How often each mistake was found, where that was asked for."""
    counts = report.statistics or ()
    each = "".join(
        f"<property name={xml_attribute(code)} value={xml_attribute(str(number))}/>" for code, _, number in counts
    )
    if each:
        yield f"<properties>{each}</properties>"


def _said_beside(report: Report) -> Iterator[str]:
    """The remarks, which are neither passes nor failures."""
    lines = [f"{heading}: {each}" for heading, found in remarks(report).items() for each in found]
    if lines:
        yield f"<system-out>{xml_text(chr(10).join(map(inert, lines)))}</system-out>"
