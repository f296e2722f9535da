"""Findings in the form that somebody reads: one file per format, and this register of them all."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from vae_checked.errors import UsageError

if TYPE_CHECKING:
    from vae_checked.catalogue import Judgement
    from vae_checked.catalogue.coverage import Examined
    from vae_checked.facts import Facts
    from vae_checked.finding import Finding, Remark
    from vae_checked.reports.look import Look

__all__ = ["FORMATS", "Report", "render"]

# The modules are imported on use: a run needs one of them.
FORMATS: dict[str, str] = {
    "text": "vae_checked.reports.text",
    "json": "vae_checked.reports.json",
    "sarif": "vae_checked.reports.sarif",
    "github": "vae_checked.reports.github",
    "gitlab": "vae_checked.reports.gitlab",
    "junit": "vae_checked.reports.junit",
    "html": "vae_checked.reports.html",
}


class Report(Protocol):
    """What the linter and the auditor hand over.

    `recognised` says per VAE what was recognised and why, `unobserved` what could not be decided, why, and what would
    settle it; `unread` and `left_out` hold (path, reason); `subjects` counts the VAEs; `summary` is the closing line.
    `of_source` is true of the linter's alone, whose `remarks` tell of comments and baseline entries, and whose
    `statistics` hold (code, name, how often) where they were asked for.
    """

    @property
    def findings(self) -> Sequence[Finding]: ...
    @property
    def judgements(self) -> Sequence[Judgement]: ...
    @property
    def facts(self) -> Sequence[Facts]: ...
    @property
    def recognised(self) -> Sequence[str]: ...
    @property
    def unobserved(self) -> Sequence[str]: ...
    @property
    def unread(self) -> Sequence[tuple[str, str]]: ...
    @property
    def left_out(self) -> Sequence[tuple[str, str]]: ...
    @property
    def subjects(self) -> int: ...
    @property
    def summary(self) -> str: ...
    @property
    def of_source(self) -> bool: ...
    @property
    def remarks(self) -> Sequence[Remark]: ...
    @property
    def statistics(self) -> tuple[tuple[str, str, int], ...] | None: ...


def remarks(report: Report) -> dict[str, list[Remark]]:
    """What a report on source says beside its findings, by heading."""
    found: dict[str, list[Remark]] = {}
    for each in report.remarks:
        found.setdefault(each.kind.plural, []).append(each)
    return found


def all_examined(report: Report) -> list[Examined]:
    """How far each VAE, and each model or loss alone, was examined."""
    if not report.facts:
        return []
    from vae_checked.catalogue.coverage import examined  # noqa: PLC0415  a run that finds no VAE does without it

    return examined(report.facts, report.judgements)


def render(
    report: Report,
    format_name: str = "text",
    *,
    verbose: bool = False,
    quiet: bool = False,
    look: Look | None = None,
) -> str:
    """`report` in the named format, ending in a newline where it is not empty.

    `verbose` makes the text longer, `quiet` leaves a line per finding, `look` says how wide it is and whether in
    colours; the other formats hold everything.

    Raises UsageError when there is no such format.
    """
    if format_name not in FORMATS:
        raise UsageError(f"no report format {format_name!r}: choose from {', '.join(FORMATS)}")
    module = importlib.import_module(FORMATS[format_name])
    if format_name != "text":
        document: str = module.render(report)
        return document
    from vae_checked.reports.look import PLAIN  # noqa: PLC0415  the other formats do without

    text: str = module.render(report, verbose=verbose, quiet=quiet, look=look or PLAIN)
    return text
