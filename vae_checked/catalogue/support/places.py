"""A second place in a message, as one says it beside the place of the finding."""

from __future__ import annotations

from vae_checked.finding import Place


def at(place: Place | None, seen_from: Place | None) -> str:
    """` at model.py:12`; within one notebook ` at cell 3, line 12`; nothing where the place is not known."""
    if place is None:
        return ""
    if place.cell is None:
        return f" at {place}"
    in_cell = f"cell {place.cell}, line {place.line}"
    same = seen_from is not None and seen_from.path == place.path
    return f" at {in_cell}" if same else f" at {place.path}, {in_cell}"
