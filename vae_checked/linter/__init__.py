"""The static observer: source text is evaluated on symbols, and what is found is put before the judges."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from vae_checked.errors import UsageError
from vae_checked.linter.files.discovery import Passed
from vae_checked.linter.files.ignore_rules import Globs
from vae_checked.linter.files.projects import gather
from vae_checked.linter.files.source import discover
from vae_checked.linter.options import Options
from vae_checked.linter.run.report import TOO_LARGE, LintReport
from vae_checked.record import replace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vae_checked.linter.files.projects import GatheredFiles

__all__ = ["LintReport", "Options", "files_at", "lint"]


def lint(
    paths: str | os.PathLike[str] | Sequence[str | Path],
    *,
    select: Collection[str] = (),
    ignore: Collection[str] = (),
    texts: Mapping[str, str | bytes] | None = None,
    options: Options | None = None,
    jobs: int = 1,
    cache: str | Path | None = None,
) -> LintReport:
    """Read every Python file and notebook at or below `paths` and report the mistakes that their VAEs make.

    Nothing is imported or executed. The files of one repository, of one installed package, or around one
    pyproject.toml are read as one project, also those that are not at `paths`: what is said of a file does not depend
    on which others are asked about.

    Args:
        paths: files and folders.
        select: the codes to report, or their beginnings, such as `VAE2`; all by default.
        ignore: the codes to leave out, likewise.
        texts: contents, by path, to read in place of what is on disk, whether or not there is such a file.
        options: what else can be chosen.
        jobs: the number of processes that share the projects; the report is the same for any number.
        cache: a folder that remembers the reports of projects that have not changed.

    Returns:
        The findings, the VAEs that were examined with what is undecided of each, and what was not read.

    Raises:
        UsageError: a path does not exist, or files alone are named and none of them is Python.

    Examples:
        >>> from vae_checked import lint
        >>> text = "import torch\\ndef draw(mu, logvar): return mu + torch.rand_like(mu) * torch.exp(0.5 * logvar)\\n"
        >>> [(finding.code, finding.place.line) for finding in lint(["vae.py"], texts={"vae.py": text}).findings]
        [('VAE202', 2)]
    """
    wishes = options or Options()
    if select or ignore:
        wishes = replace(wishes, select=select, ignore=ignore)
    unsaved = dict(texts or {})
    gathered = gather(_listed(paths), unsaved, wishes)
    if not gathered.projects:
        passed = gathered.passed
        _refuse_unread(gathered, passed.unread)
        unread, left_out, given = tuple(passed.unread), tuple(passed.left_out), tuple(gathered.given)
        return LintReport((), (), (), (), (), unread, given, 0, left_out=left_out)
    # The interpreter and the catalogue are wanted only where there is something to read.
    from vae_checked.linter.run.asked import of_asked  # noqa: PLC0415  as above
    from vae_checked.linter.run.workers import reports_of  # noqa: PLC0415  start-up time of a run that finds no VAE code

    reports = reports_of(gathered.projects, wishes, unsaved, jobs, cache)
    whole = _whole(gathered, [*map(of_asked, reports, gathered.projects)])
    if not whole.findings:
        return whole
    from vae_checked.linter.run.fixed_lines import with_fixed_lines  # noqa: PLC0415  as above

    return replace(whole, findings=with_fixed_lines(whole.findings, unsaved))


def _listed(paths: str | os.PathLike[str] | Sequence[str | Path]) -> Sequence[str | Path]:
    """One path as a list of it, which a text and a path are not."""
    return [os.fspath(paths)] if isinstance(paths, (str, os.PathLike)) else paths


def files_at(paths: Sequence[str | Path], options: Options | None = None) -> tuple[str, ...]:
    """The Python files and notebooks that `lint` reads at or below `paths`.

    Raises UsageError for a path that does not exist.
    """
    asked = options or Options()
    excluded = Globs(asked.exclude, asked.folder) if asked.exclude else None
    return tuple(str(path) for path, _ in discover(paths, Passed(), excluded, asked.force_exclude))


def _whole(gathered: GatheredFiles, parts: Sequence[LintReport]) -> LintReport:
    """The reports of all projects as one."""
    unread = (*gathered.passed.unread, *(each for part in parts for each in part.unread))
    _refuse_unread(gathered, unread)
    return LintReport(
        findings=tuple(sorted((each for part in parts for each in part.findings), key=lambda each: each.sort_key)),
        judgements=tuple(each for part in parts for each in part.judgements),
        facts=tuple(each for part in parts for each in part.facts),
        recognised=tuple(line for part in parts for line in part.recognised),
        unobserved=tuple(line for part in parts for line in part.unobserved),
        unread=unread,
        files=tuple(gathered.given),
        files_concerned=sum(part.files_concerned for part in parts),
        files_using=sum(part.files_using for part in parts),
        left_out=tuple(gathered.passed.left_out),
        beside=sum(part.beside for part in parts),
        elsewhere=tuple(each for part in parts for each in part.elsewhere),
        whole=all(part.whole for part in parts),
        remarks=tuple(sorted((each for part in parts for each in part.remarks), key=lambda each: each.place.sort_key)),
    )


def _refuse_unread(gathered: GatheredFiles, unread: Sequence[tuple[str, str]]) -> None:
    """Raise UsageError where files alone were named, and none of them could be read: there is nothing to report."""
    refused = {path: reason for path, reason in unread if reason != TOO_LARGE}
    if refused and gathered.named.issuperset(gathered.given) and refused.keys() >= gathered.named:
        said = "; ".join(f"{path}: {reason}" for path, reason in refused.items())
        raise UsageError(f"{said}: give Python files, notebooks or folders")
