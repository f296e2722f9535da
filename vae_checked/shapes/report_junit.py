"""Differences of shapes as a JUnit document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vae_checked.markup import junit_document, xml_attribute, xml_text
from vae_checked.shapes.comparison import Difference, What
from vae_checked.shapes.messages import followers, message_of

if TYPE_CHECKING:
    from vae_checked.shapes.report import ShapesReport


def render(report: ShapesReport) -> str:
    """A case per difference, and one per model that is as locked."""
    clean = [name for name in report.models if all(each.model != name for each in report.differences)]
    failed = len(report.failed)
    lines = [_junit_case(report, each) for each in report.differences]
    lines += [f'<testcase classname={xml_attribute(name)} name="shapes"/>' for name in clean]
    if report.notes:
        lines.append(f"<system-out>{xml_text(chr(10).join(report.notes))}</system-out>")
    differences = len(report.differences)
    return junit_document(
        "vae-checked shapes", lines, tests=differences + len(clean), failures=differences - failed, errors=failed
    )


def _junit_case(report: ShapesReport, each: Difference) -> str:
    outcome = "error" if each.what is What.FAILED else "failure"
    where = f'file={xml_attribute(report.path)} line="{report.line(each)}"'
    message = f"type={xml_attribute(str(each.what))} message={xml_attribute(message_of(each))}"
    body = xml_text("\n".join(filter(None, [message_of(each), followers(each)])))
    return (
        f"<testcase classname={xml_attribute(each.model)} name={xml_attribute(_name(each))} {where}>"
        f"<{outcome} {message}>{body}</{outcome}></testcase>"
    )


def _name(each: Difference) -> str:
    return f"{each.table} {each.key}".strip() if each.table else str(each.what)
