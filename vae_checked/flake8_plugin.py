"""flake8 sees the findings of the linter, under its own codes, `# noqa` and per-file-ignores."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import vae_checked


class Plugin:
    """The entry point `flake8.extension`: one instance per file.

    flake8 hands over the file's name and its lines, which may come from standard input; the linter reads by itself the
    rest of the project, since a VAE is often more than one file, and remembers it for the next one.
    """

    name: ClassVar[str] = "vae-checked"
    version: ClassVar[str] = vae_checked.__version__

    def __init__(self, tree: ast.AST, filename: str = "-", lines: Sequence[str] = ()) -> None:
        self.filename = filename
        self.text = "".join(lines)

    def run(self) -> Iterator[tuple[int, int, str, type[Plugin]]]:
        """(line, column counted from 0, text, plugin) of every finding in the file."""
        from vae_checked.cli.lint import default_cache  # noqa: PLC0415  flake8 imports every plugin at every start
        from vae_checked.linter import lint  # noqa: PLC0415  likewise

        texts = {} if self._is_saved() else {self.filename: self.text}
        report = lint([self.filename], texts=texts, cache=default_cache())
        for finding in report.findings:
            if finding.place is not None:
                text = f"{finding.code} {finding.name}: {finding.message}"
                yield finding.place.line, finding.place.column - 1, text, type(self)

    def _is_saved(self) -> bool:
        """Whether the file holds the text: it is then the same project for each of its files, and remembered as one."""
        try:
            return Path(self.filename).read_bytes().decode() == self.text
        except (OSError, ValueError):
            return False
