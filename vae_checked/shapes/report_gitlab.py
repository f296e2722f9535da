"""Differences of shapes for GitLab: the JSON of its code quality widget, one entry per difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vae_checked.markup import fingerprint, json_list
from vae_checked.shapes.messages import followers, message_of

if TYPE_CHECKING:
    from vae_checked.shapes.report import ShapesReport


def render(report: ShapesReport) -> str:
    """An array of entries at their lines of the lock."""
    return json_list(
        [
            {
                "description": ". ".join(filter(None, [f"{each.model}: {message_of(each)}", followers(each)])),
                "check_name": f"shapes-{each.what}",
                "fingerprint": fingerprint((each.model, str(each.what), each.table, each.key)),
                "severity": "major",
                "location": {"path": report.path, "lines": {"begin": report.line(each)}},
            }
            for each in report.differences
        ]
    )
