"""A comparison of locks, and the forms in which somebody reads it: one file each, one line each in FORMATS."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass

from vae_checked.shapes.comparison import Difference, What
from vae_checked.shapes.lock import Lock
from vae_checked.text import counted

FORMATS = {
    "text": "vae_checked.shapes.report_text",
    "json": "vae_checked.shapes.report_json",
    "sarif": "vae_checked.shapes.report_sarif",
    "github": "vae_checked.shapes.report_github",
    "gitlab": "vae_checked.shapes.report_gitlab",
    "junit": "vae_checked.shapes.report_junit",
    "html": "vae_checked.shapes.report_html",
}


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
    document: str = importlib.import_module(FORMATS[format_name]).render(report)
    return document
