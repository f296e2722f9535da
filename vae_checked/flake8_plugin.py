"""flake8 sees the findings of the linter, under its own codes, `# noqa` and per-file-ignores."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import ClassVar

import vae_checked


class Plugin:
    """The entry point `flake8.extension`: one instance per file.

    flake8 hands over the parsed tree and the file's name; the linter reads the file itself, since a VAE is often more
    than one file. What came from standard input has no file to read and is passed over.
    """

    name: ClassVar[str] = "vae-checked"
    version: ClassVar[str] = vae_checked.__version__

    def __init__(self, tree: ast.AST, filename: str = "-") -> None:
        self.filename = filename

    def run(self) -> Iterator[tuple[int, int, str, type[Plugin]]]:
        """(line, column counted from 0, text, plugin) of every finding in the file."""
        if self.filename in ("-", "stdin"):
            return
        from vae_checked.linter import lint  # noqa: PLC0415  flake8 imports every plugin at every start

        for finding in lint([self.filename]).findings:
            if finding.place is not None:
                text = f"{finding.code} {finding.name}: {finding.message}"
                yield finding.place.line, finding.place.column - 1, text, type(self)
