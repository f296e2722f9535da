"""Differences of shapes as one page for a browser: what was beside what is, model by model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vae_checked.html_page import html_page, html_section
from vae_checked.markup import html_text
from vae_checked.shapes.comparison import Difference, What
from vae_checked.shapes.messages import followers, message_of

if TYPE_CHECKING:
    from vae_checked.shapes.report import ShapesReport


def render(report: ShapesReport) -> str:
    """A page with every difference at its line of the lock, what follows from it, and the models that are as locked."""
    differ = dict.fromkeys(each.model for each in report.differences)
    header = [f"<p>{html_text(report.summary)}</p>", f'<p class="place soft">{html_text(report.path)}</p>']
    body = []
    for model in differ:
        body.append(f"<section><h2>{html_text(model)}</h2>")
        for each in report.differences:
            if each.model == model:
                body += _article(each, report)
        body.append("</section>")
    as_locked = [model for model in report.models if model not in differ]
    body += [html_section("As locked", as_locked), html_section("Notes", report.notes)]
    return html_page(", ".join(differ) or "shapes as locked", header, body)


def _article(each: Difference, report: ShapesReport) -> Iterator[str]:
    kind = "error" if each.what is What.FAILED else "warning"
    yield f'<article class="is-{kind}"><p class="{kind} severity">{each.what}</p>'
    yield f"<h3>{html_text(message_of(each))}</h3>"
    yield f'<p class="place soft">{html_text(f"{report.path}:{report.line(each)}")}</p>'
    if each.what is not What.FAILED and (each.was or each.now):
        rows = [("minus", "-", each.was), ("plus", "+", each.now)]
        diff = "".join(f'<span class="{name}">{sign} {html_text(text)}</span>' for name, sign, text in rows if text)
        yield f'<pre tabindex="0"><code>{diff}</code></pre>'
    if each.follows:
        yield f"<p>{html_text(followers(each))}</p>"
    yield "</article>"
