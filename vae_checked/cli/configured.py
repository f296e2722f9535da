"""What pyproject.toml and the command line together ask of the linter."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vae_checked.cli.options import codes
from vae_checked.errors import UsageError

if TYPE_CHECKING:
    from vae_checked.config import LintConfig
    from vae_checked.linter import Options


def config_for(paths: Sequence[str | Path], given: str | None = None) -> LintConfig | None:
    """The configuration in the file `given`, else in the nearest pyproject.toml above `paths`; None without one."""
    if given is None:
        found = _nearest(paths)
        if found is None:
            return None
    else:
        found = Path(given)
        if not found.is_file():
            raise UsageError(f"--config {given}: no such file: give a pyproject.toml")
    from vae_checked.config import load_lint

    return load_lint(found)


def _nearest(paths: Sequence[str | Path]) -> Path | None:
    """The nearest pyproject.toml that speaks of vae-checked, and is worth the import of a TOML parser."""
    try:
        here = os.path.commonpath([os.path.abspath(each) for each in paths])  # noqa: PTH100  costs a start less
    except ValueError:
        return None
    while True:
        candidate = os.path.join(here, "pyproject.toml")  # noqa: PTH118  as above
        try:
            with open(candidate, "rb") as stream:  # noqa: PTH123  as above
                text = stream.read()
                return Path(candidate) if b"vae-checked" in text or b"tool.vae_checked" in text else None
        except OSError:
            above = os.path.dirname(here)  # noqa: PTH120  as above
        if above == here:
            return None
        here = above


def lint_options(config: LintConfig | None, args: argparse.Namespace) -> Options:
    """What `config` says, overridden by the command line."""
    from vae_checked.linter import Options

    select, ignore = codes(args.select), codes(args.ignore)
    if config is None:
        return Options(select=select, ignore=ignore, exclude=tuple(args.exclude), force_exclude=args.force_exclude)
    folder = str(config.folder)
    where = config.where
    return Options(
        select=select or codes(config.select, f"{where}: select: "),
        ignore=ignore or codes(config.ignore, f"{where}: ignore: "),
        folder=folder,
        exclude=(*config.exclude, *(_seen_from(folder, each) for each in args.exclude)),
        force_exclude=args.force_exclude,
        per_file_ignores=tuple(
            (pattern, tuple(sorted(codes(words, f"{where}: per-file-ignores: "))))
            for pattern, words in config.per_file_ignores
        ),
        data_ranges=config.data_ranges,
    )


def _seen_from(folder: str, pattern: str) -> str:
    """A pattern of the command line, which holds from the current folder, as one that holds from `folder`."""
    if "/" not in pattern.rstrip("/"):
        return pattern
    return "/" + os.path.relpath(pattern.removeprefix("/"), folder).replace(os.sep, "/") + "/" * pattern.endswith("/")
