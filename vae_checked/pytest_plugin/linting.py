"""The items of `--vae-lint`: one per file."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vae_checked.pytest_plugin.items import HouseItem
from vae_checked.pytest_plugin.run_report import gathered, near

if TYPE_CHECKING:
    from vae_checked.linter import LintReport

FILES = pytest.StashKey[list[Path]]()
_UNSAID = Namespace(select=(), ignore=(), exclude=(), force_exclude=True)
_REPORT: pytest.StashKey[tuple[LintReport, dict[Path, str]]] = pytest.StashKey()


class LintFile(pytest.File):
    """One file that is linted."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item."""
        yield _LintItem.from_parent(self, name="vae-lint")


class _LintItem(HouseItem):
    """What the linter finds in one file; all files are read together, once, since a VAE may be spread over them."""

    def runtest(self) -> None:
        from vae_checked.errors import FindingsError
        from vae_checked.finding import Severity

        stash = self.config.stash
        if _REPORT not in stash:
            stash[_REPORT] = _linted(stash[FILES], self.config)
            found = gathered(self.config)
            if found is not None:
                found.lint = stash[_REPORT][0]
        report, refused = stash[_REPORT]
        own = near(self.path)
        lines = [refused[self.path]] if self.path in refused else []
        lines += [f"{path}: {why}" for path, why in report.unread if path.partition(":cell ")[0] == own]
        lines += [
            f"{f.place}: {f.code} {f.name}: {f.message} ({f.grounds}); fix: {f.fix}"
            for f in report.findings
            if f.place is not None and f.place.path == own and f.severity is not Severity.INFO
        ]
        if lines:
            raise FindingsError("\n".join(lines))

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The item's place: the file."""
        return self.path, None, self.name


def of_sources(session: pytest.Session, pyproject: Path) -> Iterator[pytest.Item]:
    """The items of the `sources` that pyproject.toml names; UsageError for one that does not exist."""
    from vae_checked.cli.configured import config_for, lint_options
    from vae_checked.errors import UsageError
    from vae_checked.linter import files_at

    config = config_for([pyproject.parent])
    if config is None:
        return
    try:
        files = [Path(path) for path in files_at(config.sources, lint_options(config, _UNSAID))]
    except UsageError as error:
        raise pytest.UsageError(f"{config.where}: sources: {error}") from None
    session.config.stash[FILES] = files
    for path in files:
        yield from LintFile.from_parent(session, path=path).collect()


def _linted(files: list[Path], config: pytest.Config) -> tuple[LintReport, dict[Path, str]]:
    """The report on all files that can be read, as pyproject.toml configures it, and for the others why not."""
    from vae_checked.cli.configured import config_for, lint_options
    from vae_checked.errors import UsageError
    from vae_checked.linter import lint
    from vae_checked.pytest_plugin.configuration import pyproject

    options = lint_options(config_for([pyproject(config).parent]), _UNSAID)
    try:
        return lint(list(map(near, files)), options=options), {}
    except UsageError:  # a file that cannot be read spoils the whole: which is it?
        refused: dict[Path, str] = {}
    for path in files:
        try:
            lint([near(path)], options=options)
        except UsageError as error:
            refused[path] = str(error)
    return lint([near(path) for path in files if path not in refused], options=options), refused
