"""vae_checked in a running notebook: `%load_ext vae_checked`, then `%%vae_lint` on top of a cell."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol

from vae_checked.linter import lint
from vae_checked.linter.run.report import LintReport
from vae_checked.record import replace
from vae_checked.session import NAME


class History(Protocol):
    """The cells of a session as they were typed, the one that runs last; the first is none."""

    input_hist_raw: list[str]


class Shell(Protocol):
    """What is asked of IPython's shell."""

    history_manager: History
    execution_count: int

    def register_magic_function(self, func: object, magic_kind: str, magic_name: str) -> None: ...
    def run_cell(self, raw_cell: str) -> object: ...


def load(shell: Shell) -> None:
    """Give `shell` the magic `%%vae_lint`."""

    def vae_lint(line: str, cell: str) -> None:
        """Show the mistakes of this cell, read together with the cells that ran before it, then run it.

        `%%vae_lint VAE2 VAE301` looks for these codes alone.
        """
        from IPython.display import display  # noqa: PLC0415  there is a shell, so there is IPython

        cells = shell.history_manager.input_hist_raw
        display(lint_last(cells, line.split()))  # type: ignore[no-untyped-call]  # IPython does not say what it takes
        # IPython counts on before it runs what a magic hands it: what is defined here bears this cell's own number.
        count, shell.execution_count = shell.execution_count, len(cells) - 1
        try:
            shell.run_cell(cell)
        finally:
            shell.execution_count = count

    shell.register_magic_function(vae_lint, "cell", "vae_lint")


def lint_last(cells: Sequence[str], select: Sequence[str] = ()) -> LintReport:
    """What is found in the last of `cells`; the others are read for what it uses, and not reported."""
    whole = [{"cell_type": "code", "source": text, "metadata": {}, "outputs": []} for text in cells]
    notebook = json.dumps({"cells": whole, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    report = lint([NAME], select=select, texts={NAME: notebook})
    last = len(cells) - 1
    found = tuple(each for each in report.findings if each.place is not None and each.place.cell == last)
    return replace(report, findings=found)
