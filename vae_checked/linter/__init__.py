"""The static observer: source text is evaluated on symbols, and what is found is put before the judges."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from vae_checked.errors import UsageError
from vae_checked.linter import source as sources
from vae_checked.linter.report import LintReport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vae_checked.linter.source import File

__all__ = ["LintReport", "lint"]


def lint(paths: Sequence[str | Path], *, select: Collection[str] = (), ignore: Collection[str] = ()) -> LintReport:
    """Read every Python file and notebook at or below `paths` and report the mistakes that their VAEs make.

    `select` and `ignore` are codes or their beginnings (`VAE2`); nothing is imported or executed. Raises UsageError for
    a path that does not exist, and for a file named itself that is not Python.
    """
    read, concerned = 0, []
    unread: list[tuple[str, str]] = []
    refused: list[str] = []
    for path, named in sources.discover(paths, unread):
        read += 1
        try:
            data = sources.read(path)
            wanted = sources.concerns_vae(data)
            if named or wanted:
                file = sources.parse(str(path), data)
                unread.extend((f"{path}:cell {number}", reason) for number, reason in file.broken)
                if wanted:
                    concerned.append(file)
        except sources.UnreadableError as error:
            if named:
                refused.append(f"{path}: {error}")
            unread.append((str(path), str(error)))
    if refused:
        raise UsageError(f"{'; '.join(refused)}: give Python files, notebooks or folders")
    return _examine(read, concerned, tuple(unread), select, ignore)


def _examine(
    read: int,
    concerned: list[File],
    unread: tuple[tuple[str, str], ...],
    select: Collection[str],
    ignore: Collection[str],
) -> LintReport:
    if not concerned:
        return LintReport((), (), (), (), (), unread, read, 0)
    # The interpreter and the catalogue are wanted only where there is something to examine.
    from vae_checked.linter.examine import examine  # noqa: PLC0415  start-up time of a run that finds no VAE code

    return examine(read, concerned, unread, select, ignore)
