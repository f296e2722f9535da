"""The report for a person at a terminal: facts first, then what was measured, then one remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from vae_checked.finding import Severity
from vae_checked.reports import all_examined, remarks
from vae_checked.reports.latents import together
from vae_checked.reports.look import PLAIN, Look, Role
from vae_checked.reports.source_excerpt import excerpt
from vae_checked.reports.standing import (
    by_severity,
    by_subject,
    clean,
    in_part,
    not_seen,
    of_whole,
    portraits,
    shared_by,
    undecided,
    undecided_of_latents,
    verdict,
)
from vae_checked.text import inert

if TYPE_CHECKING:
    from vae_checked.finding import Finding, Place
    from vae_checked.reports import Report

_ROLES = {Severity.ERROR: Role.ERROR, Severity.WARNING: Role.WARNING, Severity.INFO: Role.INFO}
Section = tuple[str, Sequence[str]]


def render(report: Report, *, verbose: bool = False, quiet: bool = False, look: Look = PLAIN) -> str:
    """The findings by VAE, each with its excerpt; how the other VAEs stand; what is open; the summary and the verdict.

    `verbose` says as well what was recognised, measured, clean and not decided; `quiet` is a line per finding alone.
    """
    if quiet:
        ordered = sorted(report.findings, key=lambda each: each.sort_key)
        return "".join(f"{line}\n" for each in ordered for line in _headline(each, look))
    blocks = [*_groups(report, look), *_sections(_verbose(report) if verbose else _brief(report), look)]
    return "\n\n".join(["\n".join(block) for block in blocks] + ["\n".join(_closing(report, verbose, look))]) + "\n"


def _groups(report: Report, look: Look) -> Iterator[list[str]]:
    """A block per subject that has findings: its name and verdict, and a block per finding."""
    examined = {each.subject: each for each in all_examined(report)}
    explained: set[str] = set()
    for subject, findings in by_subject(report).items():
        words = inert(f"{subject}: {verdict(examined.get(subject), findings)}")
        yield [look.paint(line, Role.TITLE) for line in look.wrap(words)]
        for each in findings:
            yield list(_finding(each, look, more=each.code not in explained))
            explained.add(each.code)


def _headline(finding: Finding, look: Look) -> Iterator[str]:
    where = location(finding.place) if finding.place else finding.subject
    words = f"{where}: {finding.severity}: {finding.code} {finding.name}: {finding.message}"
    severity = f" {finding.severity}: {finding.code} "
    for line in look.wrap(inert(words), indent=2):
        head, mark, tail = line.partition(severity)
        yield f"{look.paint(head, Role.TITLE)}{look.paint(mark, _ROLES[finding.severity])}{tail}" if mark else line


def _finding(finding: Finding, look: Look, *, more: bool) -> Iterator[str]:
    yield from _headline(finding, look)
    if finding.place and finding.place.text.strip():
        source, carets = map(inert, excerpt(finding.place, look.width))
        yield source
        yield look.paint(carets, _ROLES[finding.severity])
    lines = [finding.grounds] if finding.evidence else []
    lines += [f"also in: {', '.join(finding.also)}"] if finding.also else []
    lines.append(f"fix: {finding.fix}")
    lines += [f"more: vae-checked explain {finding.code}"] if more else []
    for line in lines:
        title, colon, words = line.partition(": ")
        for number, part in enumerate(look.wrap(inert(f"  {title}{colon}{words}"))):
            label = f"  {title}:" if not number and part.startswith(f"  {title}:") else ""
            yield f"{look.paint(label, Role.GOOD if title == 'fix' else Role.FAINT)}{part[len(label) :]}"


def _brief(report: Report) -> list[Section]:
    found = by_subject(report)
    rest = [each for each in all_examined(report) if each.is_vae and each.subject not in found]
    # Where no VAE was recognised, what was seen instead is all that there is to say.
    seen = [] if any(each.is_vae for each in all_examined(report)) else report.recognised
    left_open = undecided(report) or (report.unobserved if seen and not report.of_source else ())
    return [
        ("seen, but no VAE", seen),
        (
            "other VAEs" if found else "VAEs",
            together([f"{each.subject}: {verdict(each, shared_by(report, each))}" for each in rest]),
        ),
        ("measured", [] if report.of_source else together(_balance(report))),
        ("not decided", together(left_open)),
        *_of_files(report),
    ]


def _balance(report: Report) -> list[str]:
    """The one number that people ask an audit for."""
    from vae_checked.reports.portrait import balance  # noqa: PLC0415  a report on source does without

    return [f"{facts.subject}: {line}" for facts in report.facts for line in balance(facts)]


def _verbose(report: Report) -> list[Section]:
    return [
        ("recognised", of_whole(report, report.recognised)),
        ("facts", portraits(report)),
        ("checked and clean", together(clean(report))),
        ("in part", together(in_part(report))),
        ("not decided", together([*not_seen(report), *undecided_of_latents(report)])),
        ("left out", [f"{path}: {reason}" for path, reason in report.left_out]),
        *_of_files(report),
    ]


def _of_files(report: Report) -> Iterator[Section]:
    yield "not read", [f"{path}: {reason}" for path, reason in report.unread]
    for heading, found in remarks(report).items():
        yield heading, [str(each) for each in found]
    yield "statistics", statistics(report)


def _sections(sections: Sequence[Section], look: Look) -> Iterator[list[str]]:
    for title, lines in sections:
        if lines:
            wrapped = (part for line in lines for part in look.wrap(inert(f"  {line}")))
            yield [look.paint(f"{title}:", Role.TITLE), *wrapped]


def _closing(report: Report, verbose: bool, look: Look) -> Iterator[str]:
    if not verbose and (report.unobserved or report.recognised):
        hint = "(--verbose: what was recognised, measured and checked)"
        yield from (look.paint(line, Role.FAINT) for line in look.wrap(hint))
    yield from look.wrap(inert(report.summary), indent=2)
    worst = next((each for each in Severity if any(found.severity is each for found in report.findings)), None)
    whole = all_examined(report)
    # Only what was looked at whole is said in the colour of health.
    healthy = Role.GOOD if whole and all(each.core_checked for each in whole) and not report.unread else None
    yield look.paint(by_severity(report.findings), healthy if worst is None else _ROLES[worst])


def statistics(report: Report) -> list[str]:
    """A line per mistake, the most frequent first; none where they were not asked for."""
    counts = report.statistics or ()
    width = max((len(str(number)) for _, _, number in counts), default=0)
    return [f"{number:>{width}} {code} {name}" for code, name, number in counts]


def location(place: Place) -> str:
    """`model.py:42:15`, or `notebook.ipynb:cell 3:2:15`."""
    return f"{place}:{place.column}"
