"""The report as one page for a browser: no script, no file beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from vae_checked.markup import html_text
from vae_checked.reports import remarks
from vae_checked.reports.portrait import portrait
from vae_checked.reports.source_excerpt import excerpt
from vae_checked.reports.standing import clean, in_part
from vae_checked.reports.text import location, statistics

if TYPE_CHECKING:
    from vae_checked.finding import Finding
    from vae_checked.reports import Report

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
pre { overflow-x: auto; padding: .5rem 1rem; background: color-mix(in srgb, currentColor 8%, transparent); }
article { border-left: .3rem solid; padding-left: 1rem; margin: 1.5rem 0; }
.error { border-color: #c62828; } .warning { border-color: #b8860b; } .info { border-color: #1565c0; }
h2 { font-size: 1.05rem; } dt { font-weight: 600; } dd { margin: 0 0 .4rem 1rem; }
"""


def render(report: Report) -> str:
    """Every finding, then what was recognised, clean, undecided and unread."""
    findings = sorted(report.findings, key=lambda each: each.sort_key)
    observed = [f"{facts.subject}: {line}" for facts in report.facts for line in portrait(facts)]
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>vae-checked</title><style>{_STYLE}</style></head><body>",
        f"<h1>vae-checked</h1><p>{html_text(report.summary)}</p>",
        *(line for each in findings for line in _article(each)),
        *_section("Recognised", report.recognised),
        *_section("Facts", observed),
        *_section("Checked and clean", clean(report)),
        *_section("In part", in_part(report)),
        *_section("Not decided", report.unobserved),
        *_section("Not read", [f"{path}: {reason}" for path, reason in report.unread]),
        *_section("Left out", [f"{path}: {reason}" for path, reason in report.left_out]),
        *(
            line
            for heading, found in remarks(report).items()
            for line in _section(heading.capitalize(), [str(each) for each in found])
        ),
        *_section("Statistics", statistics(report)),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _article(finding: Finding) -> Iterator[str]:
    place = finding.place
    yield f'<article class="{finding.severity}">'
    yield f"<h2>{finding.code} {html_text(finding.name)}: {html_text(finding.message)}</h2>"
    yield f"<p>{html_text(location(place) if place else finding.subject)}</p>"
    if place and place.text.strip():
        yield f"<pre>{chr(10).join(map(html_text, excerpt(place)))}</pre>"
    shown = [(str(finding.how), finding.evidence), ("fix", finding.fix)]
    if finding.also:
        shown.insert(1, ("also in", ", ".join(finding.also)))
    yield f"<dl>{''.join(f'<dt>{term}</dt><dd>{html_text(words)}</dd>' for term, words in shown)}</dl>"
    if finding.related:
        places = (f"<li>{html_text(location(each.place))}: {html_text(each.message)}</li>" for each in finding.related)
        yield f"<ul>{''.join(places)}</ul>"
    yield "</article>"


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"<section><h2>{title}</h2><ul>{''.join(f'<li>{html_text(line)}</li>' for line in lines)}</ul></section>"
