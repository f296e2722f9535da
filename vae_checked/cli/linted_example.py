"""What lint finds in the bad module of a mistake: its message, evidence and remedy with every value filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vae_checked.catalogue import Mistake
    from vae_checked.finding import Finding

_PATH = "model.py"


def finding_in_example(mistake: Mistake) -> Finding | None:
    """The finding of this mistake in its own bad module; None where the linter does not see it there."""
    from vae_checked.linter import lint

    report = lint([_PATH], select=[mistake.code], texts={_PATH: mistake.bad})
    return next(iter(report.findings), None)
