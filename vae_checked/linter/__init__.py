"""The static observer: source text is evaluated on symbols, and what is found is put before the judges."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vae_checked.errors import UsageError
from vae_checked.linter import source as sources
from vae_checked.linter.folders import Globs
from vae_checked.linter.options import Options
from vae_checked.linter.report import LintReport
from vae_checked.record import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vae_checked.linter.source import File

__all__ = ["LintReport", "Options", "lint"]


def lint(
    paths: Sequence[str | Path],
    *,
    select: Collection[str] = (),
    ignore: Collection[str] = (),
    texts: Mapping[str, str | bytes] | None = None,
    options: Options | None = None,
) -> LintReport:
    """Read every Python file and notebook at or below `paths` and report the mistakes that their VAEs make.

    `select` and `ignore` are codes or their beginnings (`VAE2`), `options` say the rest; nothing is imported or
    executed. `texts` are contents, by path, to read in place of what is on disk, whether or not there is such a file.
    Raises UsageError for a path that does not exist, and for a file named itself that is not Python.
    """
    wishes = options or Options()
    if select or ignore:
        wishes = replace(wishes, select=select, ignore=ignore)
    given: list[str] = []
    concerned: list[File] = []
    feeding: list[Path] = []
    unread: list[tuple[str, str]] = []
    refused: list[str] = []
    excluded = Globs(wishes.exclude, wishes.folder) if wishes.exclude else None
    for path, named in sources.discover(paths, unread, excluded, wishes.force_exclude, texts or {}):
        given.append(str(path))
        try:
            unsaved = None if texts is None else texts.get(str(path))
            content = sources.read(path) if unsaved is None else unsaved
            data = content if isinstance(content, bytes) else content.encode(errors="replace")
            wanted = sources.concerns_vae(data)
            if named or wanted:
                file = sources.parse(str(path), content)
                unread.extend((f"{path}:cell {number}", reason) for number, reason in file.broken)
                if wanted:
                    concerned.append(file)
            elif path.suffix == ".py" and sources.feeds_vae(data):
                feeding.append(path)
        except sources.UnreadableError as error:
            if named:
                refused.append(f"{path}: {error}")
            unread.append((str(path), str(error)))
    if refused:
        raise UsageError(f"{'; '.join(refused)}: give Python files, notebooks or folders")
    return _examine(given, concerned, _beside(feeding, concerned), tuple(unread), wishes)


def _beside(feeding: Sequence[Path], concerned: Sequence[File]) -> list[File]:
    """The files with data pipelines in the folder of a file that concerns a VAE, above it, below it or next to it."""
    folders = {Path(file.path).parent for file in concerned}
    around = folders | {parent for folder in folders for parent in folder.parents}
    next_to = {folder.parent for folder in folders}
    files: list[File] = []
    for path in feeding:
        if path.parent in around or folders & set(path.parents) or path.parent.parent in next_to:
            try:
                files.append(sources.parse(str(path), sources.read(path)))
            except sources.UnreadableError:
                continue
    return files


def _examine(
    given: Sequence[str],
    concerned: list[File],
    beside: list[File],
    unread: tuple[tuple[str, str], ...],
    options: Options,
) -> LintReport:
    if not concerned:
        return LintReport((), (), (), (), (), unread, tuple(given), 0)
    # The interpreter and the catalogue are wanted only where there is something to examine.
    from vae_checked.linter.examine import examine  # noqa: PLC0415  start-up time of a run that finds no VAE code

    return examine(given, concerned, beside, unread, options)
