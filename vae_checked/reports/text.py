"""The report for a person at a terminal: facts first, then what was measured, then one remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from vae_checked.reports import all_examined, remarks
from vae_checked.text import audit_command, inert, printable

if TYPE_CHECKING:
    from vae_checked.catalogue.coverage import Gap
    from vae_checked.finding import Finding, Place
    from vae_checked.reports import Report

_WIDTH = 160


def render(report: Report, *, verbose: bool = False) -> str:
    """Every finding with its excerpt, then what was recognised, measured, clean, undecided, unread, then the summary.

    A report on source shows of each VAE only what was clean and what stopped its reading, unless `verbose`.
    """
    brief = report.of_source and not verbose
    blocks = ["\n".join(map(inert, _finding(finding))) for finding in sorted(report.findings, key=lambda f: f.sort_key)]
    sections: list[tuple[str, Sequence[str]]] = [("checked and clean", clean(report)), ("in part", in_part(report))]
    if not brief:
        from vae_checked.reports.portrait import portrait  # noqa: PLC0415  a short report does without the facts

        observed = [f"{facts.subject}: {line}" for facts in report.facts for line in portrait(facts)]
        sections = [("recognised", report.recognised), ("facts", observed), *sections]
        sections.append(("not decided", report.unobserved))
        sections.append(("left out", [f"{path}: {reason}" for path, reason in report.left_out]))
    sections.append(("not read", [f"{path}: {reason}" for path, reason in report.unread]))
    sections += [(heading, [str(each) for each in found]) for heading, found in remarks(report).items()]
    sections.append(("statistics", statistics(report)))
    blocks += ["\n".join([f"{title}:", *(inert(f"  {line}") for line in lines)]) for title, lines in sections if lines]
    closing = report.summary
    if brief and report.unobserved:
        closing += "\n(--verbose: what was recognised, and what could not be decided and why)"
    return "\n\n".join([*blocks, closing]) + "\n"


def statistics(report: Report) -> list[str]:
    """A line per mistake, the most frequent first; none where they were not asked for."""
    counts = report.statistics or ()
    width = max((len(str(number)) for _, _, number in counts), default=0)
    return [f"{number:>{width}} {code} {name}" for code, name, number in counts]


def location(place: Place) -> str:
    """`model.py:42:15`, or `notebook.ipynb:cell 3:2:15`."""
    return f"{place}:{place.column}"


def clean(report: Report) -> list[str]:
    """A line per VAE: the mistakes it was examined for and does not make, what a weight settled, and what is open."""
    lines = []
    for each in all_examined(report):
        if each.clean:
            rest = [f"weighted, not judged: {' '.join(map(_number, each.weighted))}"] if each.weighted else []
            rest += [f"{len(each.undecided)} not decided"] if each.undecided else []
            first, *others = each.clean
            lines.append(f"{each.subject}: {'; '.join([' '.join([first, *map(_number, others)]), *rest])}")
    return lines


def in_part(report: Report) -> list[str]:
    """A line per VAE whose core is open: the first question, what stopped the reading, and what measures it."""
    lines = []
    for each in all_examined(report):
        gap = each.gap if each.is_vae else None
        if gap is not None:
            settles = f"; {audit_command(each.subject)} measures it" if report.of_source else ""
            lines.append(f"{each.subject}: {_of_gap(gap)}{settles}")
    return lines


def _of_gap(gap: Gap) -> str:
    """`the KL (201 301) is not known: loss = LOSSES[name](x) is not resolved, at train.py:31`."""
    from vae_checked.catalogue.support.fact_names import FACT_NAMES  # noqa: PLC0415  as above

    codes = " ".join(map(_number, gap.codes))
    what = f"{FACT_NAMES[gap.path]} is not known ({codes})" if gap.path else f"{codes} is open"
    why = f": {gap.reason}" if gap.reason else ""
    return f"{what}{why}{f', at {gap.place}' if gap.place is not None else ''}"


def _number(code: str) -> str:
    return code.removeprefix("VAE")


def _finding(finding: Finding) -> Iterator[str]:
    where = location(finding.place) if finding.place else finding.subject
    yield f"{where}: {finding.code} {finding.name}: {finding.message}"
    if finding.place and finding.place.text.strip():
        yield from excerpt(finding.place)
    if finding.evidence:
        yield f"  {finding.grounds}"
    if finding.also:
        yield f"  also in: {', '.join(finding.also)}"
    yield f"  fix: {finding.fix}"
    yield f"  more: vae-checked explain {finding.code}"


def excerpt(place: Place) -> Sequence[str]:
    """The line of source and, below it, carets under the stretch that `place` names; a long line is cut around it."""
    source = place.text.rstrip("\r\n")
    start = min(place.column - 1, len(source))
    same_line = place.end_line in (None, place.line)
    end = place.end_column - 1 if same_line and place.end_column else len(source.rstrip())
    end = max(start + 1, min(end, len(source)))
    before, named, after = (printable(part, keep="\t") for part in (source[:start], source[start:end], source[end:]))
    text, start, end = f"{before}{named}{after}", len(before), len(before) + max(1, len(named))
    if len(text) > _WIDTH:
        cut = max(0, start - _WIDTH // 4)
        head = "…" if cut else ""
        tail = "…" if cut + _WIDTH < len(text) else ""
        end = min(end, cut + _WIDTH)
        text, start, end = f"{head}{text[cut : cut + _WIDTH]}{tail}", start - cut + len(head), end - cut + len(head)
    number = f"    {place.line}"
    pad = "".join("\t" if letter == "\t" else " " * _cells(letter) for letter in text[:start])
    carets = "^" * sum(_cells(letter) for letter in text[start:end]) or "^"
    return (f"{number} | {text}", f"{' ' * len(number)} | {pad}{carets}")


def _cells(letter: str) -> int:
    if letter.isascii():
        return 1
    import unicodedata  # noqa: PLC0415  only source with such letters pays for the tables

    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
