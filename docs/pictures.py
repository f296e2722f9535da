"""The pictures of the pages that are made from what the tool prints."""

from __future__ import annotations

import io
import re

from rich.console import Console
from rich.text import Text

from vae_checked.linter import lint
from vae_checked.reports import render
from vae_checked.reports.look import Look

WIDTH = 80
# A picture asks no server for a font.
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def lint_picture(name: str, source: str) -> str:
    """A terminal, as SVG, in which `source` was linted as the file `name`."""
    text = render(lint([name], texts={name: source}), look=Look(WIDTH, colour=True))
    return terminal(text.rstrip("\n"), f"vae-checked lint {name}")


def terminal(text: str, title: str) -> str:
    """Painted lines as the picture of a terminal."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(Text.from_ansi(text), soft_wrap=True)
    picture = console.export_svg(title=title, unique_id="terminal")
    return "\n".join(line.rstrip() for line in _FONTS.sub("", picture).splitlines()) + "\n"


# The stations of a latent, left to right above and right to left below: what it is, and where it stands.
_BOX, _GAP, _HIGH = 150, 150, 58
_STATIONS = (
    ("picture x", "in [-1, 1]", 0, 0),
    ("latent z", "of the VAE", 1, 0),
    ("what is trained on", "of variance 1", 2, 0),
    ("what is made", "by the denoiser", 2, 1),
    ("latent z", "of the VAE", 1, 1),
    ("picture", "in [-1, 1]", 0, 1),
)
# What leads from one to the next.
_STEPS = ("encode", "(z - shift) * factor", "sampling", "z / factor + shift", "decode")
_STYLE = (
    "text{font:14px sans-serif;fill:#24292f;text-anchor:middle}.said{font-size:12px;fill:#57606a}"
    "rect{fill:#f6f8fa;stroke:#57606a}.map{font-weight:bold;font-size:12px;fill:#0550ae}"
    "line,.way{fill:none;stroke:#57606a;stroke-width:1.5;marker-end:url(#end)}"
)


def latents_picture() -> str:
    """The way of a latent from a picture to a model and back, with the two maps that undo each other, as SVG."""
    corners = [(20 + column * (_BOX + _GAP), 30 + row * (_HIGH + 80)) for _, _, column, row in _STATIONS]
    width, height = corners[2][0] + _BOX + 20, corners[3][1] + _HIGH + 24
    parts = _opened(width, height, "the way of a latent")
    for (x, y), (name, said, _, _) in zip(corners, _STATIONS, strict=True):
        parts += _boxed(x, y, _BOX, name, said)
    for (x, y), (to_x, to_y), step in zip(corners, corners[1:], _STEPS, strict=False):
        kind = "map" if "shift" in step else "said"
        if x == to_x:
            middle = x + _BOX // 2
            parts.append(f'<line x1="{middle}" y1="{y + _HIGH}" x2="{middle}" y2="{to_y}"/>')
            parts.append(f'<text x="{middle + 38}" y="{(y + _HIGH + to_y) // 2 + 4}" class="{kind}">{step}</text>')
            continue
        start, end = (x + _BOX, to_x) if to_x > x else (x, to_x + _BOX)
        level = y + _HIGH // 2
        parts.append(f'<line x1="{start}" y1="{level}" x2="{end}" y2="{level}"/>')
        parts.append(f'<text x="{(start + end) // 2}" y="{level - 10}" class="{kind}">{step}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


# The rooms that a mistake passes: what each is called, what it does, its column and its row.
_ROOMS = (
    ("source text", "files, notebooks", 0, 0),
    ("live model", "a module, a loss", 0, 2),
    ("linter", "reads it on symbols", 1, 0),
    ("mathematics", "shared by both", 1, 1),
    ("auditor", "runs it and measures", 1, 2),
    ("facts", "each with evidence", 2, 1),
    ("catalogue", "a judge per mistake", 3, 1),
    ("reports", "a file per format", 4, 1),
    ("the edges", "cli, pytest, lsp, flake8", 4, 2),
)
_WIDE, _BETWEEN, _LEVEL = 160, 45, 100


def house_picture() -> str:
    """The way from a source or a model to a report: two observers, one judge, as SVG."""
    left = [15 + column * (_WIDE + _BETWEEN) for column in range(5)]
    top = [15 + row * _LEVEL for row in range(3)]
    middle = [y + _HIGH // 2 for y in top]
    width, height = left[-1] + _WIDE + 15, top[-1] + _HIGH + 15
    facts = left[2] + _WIDE // 2
    half = left[1] + _WIDE // 2
    ways = [
        f"M{left[0] + _WIDE} {middle[0]} H{left[1]}",
        f"M{left[0] + _WIDE} {middle[2]} H{left[1]}",
        f"M{left[1] + _WIDE} {middle[0]} H{facts} V{top[1]}",
        f"M{left[1] + _WIDE} {middle[2]} H{facts} V{top[1] + _HIGH}",
        f"M{left[2] + _WIDE} {middle[1]} H{left[3]}",
        f"M{left[3] + _WIDE} {middle[1]} H{left[4]}",
        f"M{left[4] + _WIDE // 2} {top[1] + _HIGH} V{top[2]}",
    ]
    shared = [f"M{half} {top[1]} V{top[0] + _HIGH}", f"M{half} {top[1] + _HIGH} V{top[2]}"]
    parts = [
        *_opened(width, height, "from a source or a model to a report"),
        *(f'<path class="way" d="{way}"/>' for way in ways),
        *(f'<path class="way" stroke-dasharray="5 4" d="{way}"/>' for way in shared),
        *(box for name, said, column, row in _ROOMS for box in _boxed(left[column], top[row], _WIDE, name, said)),
        f'<text x="{left[3] + _WIDE + _BETWEEN // 2}" y="{top[1] - 4}" class="said">findings</text>',
    ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _opened(width: int, height: int, label: str) -> list[str]:
    """The beginning of a drawing on white, with the tip of its arrows."""
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{label}">',
        f"<style>{_STYLE}</style>",
        '<defs><marker id="end" markerWidth="9" markerHeight="9" refX="8" refY="4.5" orient="auto">',
        '<path d="M0,0 L9,4.5 L0,9 z" fill="#57606a"/></marker></defs>',
        f'<rect x="0" y="0" width="{width}" height="{height}" style="fill:#ffffff;stroke:none"/>',
    ]


def _boxed(x: int, y: int, wide: int, name: str, said: str) -> list[str]:
    """A box with a name and a line below it."""
    return [
        f'<rect x="{x}" y="{y}" width="{wide}" height="{_HIGH}" rx="6"/>',
        f'<text x="{x + wide // 2}" y="{y + 25}">{name}</text>',
        f'<text x="{x + wide // 2}" y="{y + 44}" class="said">{said}</text>',
    ]
