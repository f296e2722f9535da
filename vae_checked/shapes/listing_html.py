"""The inferred shapes of models for a browser: tables of stages and layers, on a page or in a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vae_checked.html_page import html_fragment, html_page, html_section
from vae_checked.markup import html_text
from vae_checked.shapes.listing import Row, Shown, rows


def page(models: Sequence[Shown]) -> str:
    """A page on all of `models`."""
    body = [line for each in models for line in _lines(each)]
    return html_page(f"shapes of {', '.join(each.name for each in models)}", [], body)


def fragment(shapes: Shown) -> str:
    """The shapes of one model for a notebook."""
    return html_fragment(list(_lines(shapes)))


def _lines(shapes: Shown) -> Iterator[str]:
    yield f"<section><h2>{html_text(shapes.name)}</h2>"
    yield f"<p>input <code>{html_text(shapes.input)}</code>, {shapes.probes} probes with {shapes.how} tensors</p>"
    yield f"<p>The reconstruction has the input's shape: <code>{html_text(shapes.constraint)}</code></p>"
    yield f"<p>Smallest accepted size: <code>{html_text(shapes.smallest)}</code></p>"
    yield _table("stage", shapes.stages)
    yield f"<details><summary>{len(shapes.layers)} layers</summary>{_table('layer', shapes.layers)}</details>"
    yield html_section("Crashes", shapes.crashes)
    yield html_section("No formula", [f"{where}: {table}" for where, table in shapes.without_formula.items()])
    yield html_section("Notes", shapes.notes)
    yield "</section>"


def _table(noun: str, entries: Sequence[Row]) -> str:
    cells = "".join(
        f"<tr><td><code>{html_text(key)}</code></td><td><code>{html_text(text)}</code></td></tr>"
        for key, text in rows(entries)
    )
    return f'<div class="wide"><table><thead><tr><th>{noun}</th><th>shapes</th></tr></thead>{cells}</table></div>'
