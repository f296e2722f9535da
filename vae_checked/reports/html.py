"""The report as one page for a browser: no file beside it, and nothing that it asks a server for."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from vae_checked.finding import Severity
from vae_checked.html_page import html_fragment, html_page, html_section
from vae_checked.markup import fingerprint, html_text
from vae_checked.reports import all_examined, remarks
from vae_checked.reports.page import difference
from vae_checked.reports.pictures import pictures
from vae_checked.reports.portrait import portrait
from vae_checked.reports.source_view import Sources
from vae_checked.reports.standing import NOUNS, by_subject, clean, in_part, not_seen, of_whole, own_views, verdict
from vae_checked.reports.text import location, statistics
from vae_checked.text import CORE_CHECKED

if TYPE_CHECKING:
    from vae_checked.catalogue import Mistake
    from vae_checked.catalogue.coverage import Examined
    from vae_checked.finding import Finding, Place
    from vae_checked.reports import Report

# Of many VAEs pictures would only be long: those with findings come first.
_MOST_PICTURED = 20


def render(report: Report) -> str:
    """An overview, every finding with its source and remedy, pictures of each VAE, and what was looked at."""
    found = by_subject(report)
    ordered = [each for findings in found.values() for each in findings]
    header = [f"<p>{html_text(report.summary)}</p>{_counts(report)}"]
    body = [*_index(ordered), *_findings(report, found, ordered), *_pictured(report, found), *_looked_at(report)]
    return html_page(", ".join(found) or "no finding", header, body)


def fragment(report: Report) -> str:
    """The same for a notebook: a piece of its page, without what needs a script."""
    found = by_subject(report)
    ordered = [each for findings in found.values() for each in findings]
    # Several reports stand on one page: what a link leads to bears the report's own mark.
    mark = f"{fingerprint([report.summary, *map(str, ordered)])[:8]}-"
    body = [*_findings(report, found, ordered, mark), *_pictured(report, found), *_looked_at(report)]
    folded = [each.replace("<details open>", "<details>") for each in body]
    return html_fragment([f"<p><b>vae-checked</b>: {html_text(report.summary)}</p>{_counts(report)}", *folded])


def _counts(report: Report) -> str:
    numbers = [(each, sum(found.severity is each for found in report.findings)) for each in Severity]
    items = [
        f'<li><b class="{each}">{number}</b> {NOUNS[each]}{"" if number == 1 else "s"}</li>' for each, number in numbers
    ]
    vaes = [each for each in all_examined(report) if each.is_vae]
    whole = sum(each.core_checked for each in vaes)
    items.append(f"<li><b>{whole}</b> of {len(vaes)} VAE{'' if len(vaes) == 1 else 's'} with {CORE_CHECKED}</li>")
    if report.unread:
        items.append(f'<li><b class="error">{len(report.unread)}</b> not read</li>')
    return f'<ul class="counts">{"".join(items)}</ul>'


def _index(ordered: Sequence[Finding]) -> Iterator[str]:
    if not ordered:
        return
    boxes = "".join(
        f'<label><input type="checkbox" value="{each}" checked> {NOUNS[each]}s</label>'
        for each in Severity
        if any(finding.severity is each for finding in ordered)
    )
    hint = "Search: a code, a file, a word"
    search = f'<input type="search" name="search" aria-label="Search the findings" placeholder="{hint}">'
    yield f"<h2>Findings</h2><form>{search}{boxes}<output>{len(ordered)} shown</output></form>"
    yield "<table><thead><tr><th>code</th><th>severity</th><th>where</th></tr></thead><tbody>"
    for number, each in enumerate(ordered):
        where = _where(each.place) if each.place else each.subject
        yield (
            f'<tr data-severity="{each.severity}"><td><a href="#finding-{number}">{each.code}</a> '
            f'{html_text(each.name)}</td><td class="{each.severity} severity">{each.severity}</td>'
            f'<td class="place">{html_text(where)}</td></tr>'
        )
    yield "</tbody></table>"


def _findings(
    report: Report, found: dict[str, list[Finding]], ordered: Sequence[Finding], mark: str = ""
) -> Iterator[str]:
    from vae_checked.catalogue import CATALOGUE  # noqa: PLC0415  only a page with findings needs it

    known = {each.code: each for each in CATALOGUE}
    examined = {each.subject: each for each in all_examined(report)}
    sources = Sources()
    numbers = {id(each): number for number, each in enumerate(ordered)}
    explained: set[str] = set()
    for subject, findings in found.items():
        yield f"<section><h2>{html_text(subject)}</h2>"
        yield f'<p class="soft">{html_text(verdict(examined.get(subject), findings))}</p>'
        for each in findings:
            yield from _article(each, sources, f"{mark}finding-{numbers[id(each)]}")
            if each.code not in explained and each.code in known:
                yield from _explained(known[each.code], mark)
            elif each.code in known:
                yield f'<p><a href="#{mark}why-{each.code}">Why it matters</a></p>'
            explained.add(each.code)
            yield "</article>"
        yield "</section>"


def _article(finding: Finding, sources: Sources, mark: str) -> Iterator[str]:
    """One finding, its element left open for what explains it."""
    place = finding.place
    where = _where(place) if place else finding.subject
    severity = finding.severity
    yield f'<article id="{mark}" class="is-{severity}" data-severity="{severity}">'
    yield f'<p class="{severity} severity">{severity}</p>'
    yield f"<h3>{finding.code} {html_text(finding.name)}: {html_text(finding.message)}</h3>"
    yield f'<p class="place soft">{html_text(where)}</p>'
    if place and place.text.strip():
        yield f'<pre tabindex="0"><code>{sources.shown(place)}</code></pre>'
    shown = [(str(finding.how), finding.evidence)] if finding.evidence else []
    shown += [("also in", ", ".join(finding.also))] if finding.also else []
    shown += [(_where(each.place), each.message) for each in finding.related]
    if shown:
        yield f"<dl>{''.join(f'<dt>{html_text(term)}</dt><dd>{html_text(words)}</dd>' for term, words in shown)}</dl>"
    yield "<h4>Fix</h4>"
    if finding.fixed_line and place:
        before, after = html_text(place.text.strip()), html_text(finding.fixed_line)
        diff = f'<span class="minus">- {before}</span><span class="plus">+ {after}</span>'
        yield f'<pre tabindex="0"><code>{diff}</code></pre>'
    else:
        yield f"<p>{_remedy(finding.fix)}</p>"


def _remedy(fix: str) -> str:
    """A remedy, its words as words and what can be put into the source as code."""
    code, comma, words = (fix, "", "") if _is_code(fix) else fix.partition(", or ")
    return f"<code>{html_text(code)}</code>{html_text(comma + words)}" if _is_code(code) else html_text(fix)


def _is_code(text: str) -> bool:
    with suppress(SyntaxError, ValueError):
        return bool(ast.parse(text).body)
    return False


def _where(place: Place) -> str:
    """`model.py:42:15`, or of a notebook `walk.ipynb, cell 3, line 2`."""
    return location(place) if place.cell is None else f"{place.path}, cell {place.cell}, line {place.line}"


def _explained(mistake: Mistake, mark: str) -> Iterator[str]:
    bad, good = ("\n".join(map(html_text, part.splitlines())) for part in difference(mistake.bad, mistake.good))
    yield f'<details id="{mark}why-{mistake.code}"><summary>Why it matters</summary>'
    yield f"<p>{html_text(mistake.summary)} {html_text(mistake.why)}</p>"
    yield f'<div class="pair"><div><h4>Bad</h4><pre tabindex="0"><code>{bad}</code></pre></div>'
    yield f'<div><h4>Good</h4><pre tabindex="0"><code>{good}</code></pre></div></div>'
    yield f'<p class="soft">More: <code>vae-checked explain {mistake.code}</code></p></details>'


def _pictured(report: Report, found: dict[str, list[Finding]]) -> Iterator[str]:
    vaes = sorted((each for each in all_examined(report) if each.is_vae), key=lambda each: each.subject not in found)
    for each in vaes[:_MOST_PICTURED]:
        yield f"<section><h2>What {html_text(each.subject)} does</h2>"
        for caption, drawn in pictures(each.views, found.get(each.subject, ())):
            yield f'<figure><div class="wide">{drawn}</div><figcaption>{html_text(caption)}</figcaption></figure>'
        yield _facts(each)
        yield "</section>"
    if len(vaes) > _MOST_PICTURED:
        yield f'<p class="soft">{len(vaes) - _MOST_PICTURED} more VAEs are not pictured.</p>'


def _facts(examined: Examined) -> str:
    return html_section("Facts", list(dict.fromkeys(line for view in own_views(examined) for line in portrait(view))))


def _looked_at(report: Report) -> Iterator[str]:
    yield html_section("Recognised", of_whole(report, report.recognised))
    yield html_section("Checked and clean", clean(report))
    yield html_section("In part", in_part(report))
    yield html_section("Not decided", not_seen(report))
    yield html_section("Not read", [f"{path}: {reason}" for path, reason in report.unread])
    yield html_section("Left out", [f"{path}: {reason}" for path, reason in report.left_out])
    for heading, found in remarks(report).items():
        yield html_section(heading.capitalize(), [str(each) for each in found])
    yield html_section("Statistics", statistics(report))
