"""Differences of shapes as annotations of GitHub Actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vae_checked.markup import github_message, github_property
from vae_checked.shapes.messages import followers, message_of

if TYPE_CHECKING:
    from vae_checked.shapes.report import ShapesReport


def render(report: ShapesReport) -> str:
    """An error per difference at its line of the lock, notices, and the closing line."""
    lines = []
    for each in report.differences:
        text = "\n".join(filter(None, [f"{each.model}: {message_of(each)}", followers(each)]))
        place = f"file={github_property(report.path)},line={report.line(each)}"
        lines.append(f"::error {place},title={github_property(f'shapes {each.what}')}::{github_message(text)}")
    notice = f"::notice file={github_property(report.path)},title=shapes"
    lines += [f"{notice}::{github_message(note)}" for note in report.notes]
    return "\n".join([*lines, report.summary]) + "\n"
