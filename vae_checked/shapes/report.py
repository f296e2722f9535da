"""A comparison of locks in the form that somebody reads: text, JSON, GitHub annotations, JUnit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vae_checked.markup import (
    github_message,
    github_property,
    json_text,
    junit_document,
    xml_attribute,
    xml_text,
)
from vae_checked.shapes.comparison import Difference, What
from vae_checked.shapes.lock import Lock
from vae_checked.shapes.messages import followers, message_of
from vae_checked.text import counted

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class ShapesReport:
    """The differences found, the lock they are against and its path, the models compared, and notes on them."""

    differences: Sequence[Difference]
    lock: Lock
    path: str
    models: Sequence[str]
    notes: Sequence[str] = ()

    @property
    def summary(self) -> str:
        """The closing line."""
        differ = [each for each in self.differences if each.what is not What.FAILED]
        concerned = len({each.model for each in differ})
        failed = len(self.failed)
        said = [f"{failed} of {counted(len(self.models), 'model')} cannot be probed"] if failed else []
        if not differ:
            locked = len(self.models) - failed
            said += [f"{counted(locked, 'model')} as locked"] if locked or not failed else []
            return ", ".join(said)
        said.append(f"{counted(len(differ), 'difference')} in {concerned} of {counted(len(self.models), 'model')}")
        return f"{', '.join(said)}: if they are meant, run vae-checked shapes lock and commit the lock"

    @property
    def failed(self) -> list[Difference]:
        """The models that could not be built or probed."""
        return [each for each in self.differences if each.what is What.FAILED]

    def line(self, each: Difference) -> int:
        """The line of the lock that a difference is about."""
        if each.table == "facts":
            return self.lock.line(each.model, "", each.key)
        first = each.covers[0] if each.covers else each.key
        return self.lock.line(each.model, each.table, first)


def render_report(report: ShapesReport, format_name: str = "text") -> str:
    """`report` in one of FORMATS, ending in a newline."""
    return FORMATS[format_name](report)


def _text(report: ShapesReport) -> str:
    lines = []
    for each in report.differences:
        lines.append(f"{report.path}:{report.line(each)}: {each.model}: {message_of(each)}")
        if each.follows:
            lines.append(f"    {followers(each)}")
    lines += [f"note: {note}" for note in report.notes]
    return "\n".join([*lines, report.summary]) + "\n"


def _json(report: ShapesReport) -> str:
    document = {
        "format_version": FORMAT_VERSION,
        "lock": report.path,
        "models": list(report.models),
        "differences": [
            {
                "model": each.model,
                "what": str(each.what),
                "table": each.table,
                "key": each.key,
                "was": each.was,
                "now": each.now,
                "parameters": [{"name": name, "was": was, "now": now} for name, was, now in each.parameters],
                "follows": list(each.follows),
                "covers": list(each.covers),
                "line": report.line(each),
                "message": message_of(each),
            }
            for each in report.differences
        ],
        "notes": list(report.notes),
    }
    return json_text(document)


def _github(report: ShapesReport) -> str:
    lines = []
    for each in report.differences:
        text = "\n".join(filter(None, [f"{each.model}: {message_of(each)}", followers(each)]))
        place = f"file={github_property(report.path)},line={report.line(each)}"
        lines.append(f"::error {place},title={github_property(f'shapes {each.what}')}::{github_message(text)}")
    notice = f"::notice file={github_property(report.path)},title=shapes"
    lines += [f"{notice}::{github_message(note)}" for note in report.notes]
    return "\n".join([*lines, report.summary]) + "\n"


def _junit(report: ShapesReport) -> str:
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


FORMATS: Mapping[str, Callable[[ShapesReport], str]] = {
    "text": _text,
    "json": _json,
    "github": _github,
    "junit": _junit,
}


def _name(each: Difference) -> str:
    return f"{each.table} {each.key}".strip() if each.table else str(each.what)
