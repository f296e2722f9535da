"""Differences of shapes for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vae_checked.shapes.messages import followers, message_of

if TYPE_CHECKING:
    from vae_checked.shapes.report import ShapesReport


def render(report: ShapesReport) -> str:
    """A line per difference at its line of the lock, what follows from it, notes, and the closing line."""
    lines = []
    for each in report.differences:
        lines.append(f"{report.path}:{report.line(each)}: {each.model}: {message_of(each)}")
        if each.follows:
            lines.append(f"    {followers(each)}")
    lines += [f"note: {note}" for note in report.notes]
    return "\n".join([*lines, report.summary]) + "\n"
