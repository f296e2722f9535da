"""Differences of shapes for a program, as JSON whose form is numbered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vae_checked.markup import json_text
from vae_checked.shapes.messages import message_of

if TYPE_CHECKING:
    from vae_checked.shapes.report import ShapesReport

FORMAT_VERSION = 1


def render(report: ShapesReport) -> str:
    """One object; its form is `docs/schemas/shapes.schema.json`."""
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
                "sources": [{"tensor": tensor, "was": was, "now": now} for tensor, was, now in each.sources],
                "line": report.line(each),
                "message": message_of(each),
            }
            for each in report.differences
        ],
        "notes": list(report.notes),
    }
    return json_text(document)
