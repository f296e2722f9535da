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
