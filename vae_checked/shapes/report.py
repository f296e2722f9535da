"""A comparison of locks in the form that somebody reads: text, JSON, GitHub annotations, JUnit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from vae_checked.shapes.comparison import Difference, What
from vae_checked.shapes.lock import Lock
from vae_checked.shapes.messages import followers, message_of

FORMAT_VERSION = 1
# What XML 1.0 cannot hold, even escaped (section 2.2 of the recommendation).
_UNPRINTABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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
        said = [f"{failed} of {_counted(len(self.models), 'model')} cannot be probed"] if failed else []
        if not differ:
            locked = len(self.models) - failed
            said += [f"{_counted(locked, 'model')} as locked"] if locked or not failed else []
            return ", ".join(said)
        said.append(f"{_counted(len(differ), 'difference')} in {concerned} of {_counted(len(self.models), 'model')}")
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
    return json.dumps(document, indent=2) + "\n"


def _github(report: ShapesReport) -> str:
    lines = []
    for each in report.differences:
        text = "\n".join(filter(None, [f"{each.model}: {message_of(each)}", followers(each)]))
        place = f"file={_property(report.path)},line={report.line(each)}"
        lines.append(f"::error {place},title={_property(f'shapes {each.what}')}::{_data(text)}")
    lines += [f"::notice file={_property(report.path)},title=shapes::{_data(note)}" for note in report.notes]
    return "\n".join([*lines, report.summary]) + "\n"


def _junit(report: ShapesReport) -> str:
    clean = [name for name in report.models if all(each.model != name for each in report.differences)]
    total = len(report.differences) + len(clean)
    failed = len(report.failed)
    counts = f'tests="{total}" failures="{len(report.differences) - failed}" errors="{failed}"'
    lines = ['<?xml version="1.0" encoding="utf-8"?>', f"<testsuites {counts}>"]
    lines.append(f'  <testsuite name="vae-checked shapes" {counts}>')
    for each in report.differences:
        body = _escaped("\n".join(filter(None, [message_of(each), followers(each)])))
        outcome = "error" if each.what is What.FAILED else "failure"
        lines.append(
            f"    <testcase classname={_quoted(each.model)} name={_quoted(_name(each))} file={_quoted(report.path)} "
            f'line="{report.line(each)}"><{outcome} type={_quoted(str(each.what))} message={_quoted(message_of(each))}>'
            f"{body}</{outcome}></testcase>"
        )
    lines += [f'    <testcase classname={_quoted(name)} name="shapes"/>' for name in clean]
    if report.notes:
        lines.append(f"    <system-out>{_escaped(chr(10).join(report.notes))}</system-out>")
    return "\n".join([*lines, "  </testsuite>", "</testsuites>"]) + "\n"


FORMATS: Mapping[str, Callable[[ShapesReport], str]] = {
    "text": _text,
    "json": _json,
    "github": _github,
    "junit": _junit,
}


def _name(each: Difference) -> str:
    return f"{each.table} {each.key}".strip() if each.table else str(each.what)


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _quoted(text: str) -> str:
    return quoteattr(_UNPRINTABLE.sub("�", text))


def _escaped(text: str) -> str:
    return escape(_UNPRINTABLE.sub("�", text))
