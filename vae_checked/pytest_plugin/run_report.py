"""The report of a run in a file, as `--vae-report FORMAT:FILE` asks for it: what laws, audits, shapes and lint found.

Each process gathers what its own items found; the one that writes gets the rest from pytest-xdist's workers.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from vae_checked.catalogue import Judgement
    from vae_checked.facts import Facts
    from vae_checked.finding import Finding, Remark
    from vae_checked.reports import Report


@dataclass(slots=True)
class Gathered:
    """What the items of one process found.

    `audits` are by model, without the codes that its table ignores; `lint` is the report on the files, the same in each
    process; `noted` are the findings of laws and shapes, each with the item that failed; `not_run` says by model why it
    cannot be built or run.
    """

    audits: dict[str, Report] = field(default_factory=dict)
    lint: Report | None = None
    noted: list[tuple[str, Finding]] = field(default_factory=list)
    not_run: dict[str, str] = field(default_factory=dict)

    def add(self, other: Gathered) -> None:
        """Take in what another process gathered."""
        self.audits = {**other.audits, **self.audits}
        self.lint = self.lint or other.lint
        self.noted += other.noted
        self.not_run = {**other.not_run, **self.not_run}


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run as the formats of reports take it."""

    findings: Sequence[Finding]
    judgements: Sequence[Judgement]
    facts: Sequence[Facts]
    recognised: Sequence[str]
    unobserved: Sequence[str]
    unread: Sequence[tuple[str, str]]
    remarks: Sequence[Remark]
    subjects: int
    summary: str
    left_out: Sequence[tuple[str, str]] = ()
    of_source: bool = False
    statistics: tuple[tuple[str, str, int], ...] | None = None


_GATHERED = pytest.StashKey[Gathered]()
_WANTED = pytest.StashKey[list[tuple[str, Path]]]()


def prepare(config: pytest.Config, asked: Sequence[str]) -> None:
    """Begin to gather; UsageError for what names no format, or no file that can be written."""
    from vae_checked.reports import FORMATS

    wanted = []
    for each in asked:
        name, colon, file = each.partition(":")
        path = Path(config.invocation_params.dir, file)
        if not colon or name not in FORMATS or not file:
            known = ", ".join(FORMATS)
            raise pytest.UsageError(f"--vae-report is {each!r}: write FORMAT:FILE, FORMAT one of {known}")
        if not path.parent.is_dir() or path.is_dir():
            raise pytest.UsageError(f"--vae-report is {each!r}: no file can be written to {path}")
        wanted.append((name, path))
    config.stash[_WANTED] = wanted
    config.stash[_GATHERED] = Gathered()


def gathered(config: pytest.Config) -> Gathered | None:
    """Where items leave what they found; None where no report is asked for."""
    return config.stash.get(_GATHERED, None)


def near(path: Path) -> str:
    """The path as a report has it: from the current folder, where it lies below that."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def packed(config: pytest.Config) -> bytes:
    """What this process gathered, for the one that writes; only processes of one run hand it to each other."""
    return pickle.dumps(config.stash[_GATHERED])


def unpack(config: pytest.Config, content: bytes) -> None:
    """Take in what a worker of this run gathered."""
    config.stash[_GATHERED].add(pickle.loads(content))  # noqa: S301  as above


def write_reports(reporter: Any, config: pytest.Config) -> list[str]:
    """Write each report that is asked for, and name the files."""
    from vae_checked.cli.options import write
    from vae_checked.html_page import made_by
    from vae_checked.pytest_plugin.summary import of_models
    from vae_checked.reports import render

    report = _report(reporter, config.stash[_GATHERED], list(of_models(reporter)))
    lines = []
    for name, path in config.stash[_WANTED]:
        with made_by(["pytest", *map(str, config.invocation_params.args)]):
            text = render(report, name)
        write(text, str(path))
        lines.append(f"vae-checked: {name} report written to {path}")
    return lines


def _report(reporter: Any, found: Gathered, said: Sequence[str]) -> RunReport:
    from vae_checked.finding import Severity

    failed = _nodes(reporter, "failed")
    # What a model's table says is known to fail is no finding, as it is no failure.
    known = _nodes(reporter, "xfailed")
    # By the names of models and items, as workers are done in an order that is another in each run.
    audits = [
        (report, [each for each in report.findings if not known & _audit_items(name, each.code)])
        for name, report in sorted(found.audits.items())
    ]
    lint = [] if found.lint is None else [(found.lint, list(found.lint.findings))]
    parts = [*audits, *lint]
    summary, *rest = [line.strip().removeprefix("vae-checked: ") for line in said] or ["no item of a model ran"]
    findings = [each for _, some in parts for each in some if each.severity is not Severity.INFO]
    return RunReport(
        findings=[*findings, *(each for node, each in sorted(found.noted, key=itemgetter(0)) if node in failed)],
        judgements=[each for report, _ in parts for each in report.judgements],
        facts=[each for report, _ in parts for each in report.facts],
        recognised=[each for report, _ in parts for each in report.recognised],
        unobserved=[*(each for report, _ in parts for each in report.unobserved), *rest],
        unread=[*(each for report, _ in lint for each in report.unread), *sorted(found.not_run.items())],
        remarks=[each for report, _ in lint for each in report.remarks],
        subjects=sum(report.subjects for report, _ in parts),
        summary=summary,
    )


def _audit_items(model: str, code: str) -> set[str]:
    """The items that report a mistake of a model."""
    return {f"vae::{model}::audit", f"vae::{model}::{code}"}


def _nodes(reporter: Any, outcome: str) -> set[str]:
    return {each.nodeid for each in reporter.stats.get(outcome, []) if isinstance(each, pytest.TestReport)}
