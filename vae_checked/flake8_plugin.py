"""flake8 sees the findings of the linter, under its own codes, `# noqa` and per-file-ignores."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import ClassVar

import vae_checked


class Plugin:
    """The entry point `flake8.extension`: one instance per file.

    flake8 hands over the file's name and its lines, which may come from standard input; the linter reads by itself the
    files that this one imports, since a VAE is often more than one file.
    """

    name: ClassVar[str] = "vae-checked"
    version: ClassVar[str] = vae_checked.__version__

    def __init__(self, tree: ast.AST, filename: str = "-", lines: Sequence[str] = ()) -> None:
        self.filename = filename
        self.text = "".join(lines)

    def run(self) -> Iterator[tuple[int, int, str, type[Plugin]]]:
        """(line, column counted from 0, text, plugin) of every finding in the file."""
        from vae_checked.linter import lint  # noqa: PLC0415  flake8 imports every plugin at every start

        for finding in lint([self.filename], texts={self.filename: self.text}).findings:
            if finding.place is not None:
                text = f"{finding.code} {finding.name}: {finding.message}"
                yield finding.place.line, finding.place.column - 1, text, type(self)
