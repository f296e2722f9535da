"""The project that a file belongs to, and the files of it that nobody named."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from vae_checked.linter.files.discovery import Passed, below
from vae_checked.linter.files.ignore_rules import Globs

# Where packages of different projects lie side by side.
INSTALLED = frozenset(("site-packages", "dist-packages"))
# What names a project outside of a repository.
_CONFIGURED = ("pyproject.toml", "setup.py", "setup.cfg")
# So many files are no project any more: a home folder under version control, say.
MOST_FILES = 20_000


class Roots:
    """The project that a file belongs to.

    Its repository, the installed package that it is of, the nearest folder with a file that configures one, or none.
    """

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, path: Path) -> str:
        """The root's absolute path; empty for a file in no project."""
        folder = os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH120  once per file, pathlib is slow
        if folder not in self._known:
            self._known[folder] = self._search(folder)
        return self._known[folder]

    def _search(self, folder: str) -> str:
        configured, here, name = "", folder, "."
        while name:
            above, name = os.path.split(here)
            if os.path.lexists(os.path.join(here, ".git")) or os.path.basename(above) in INSTALLED:  # noqa: PTH118, PTH119  as above
                return here
            if not configured and any(os.path.isfile(os.path.join(here, each)) for each in _CONFIGURED):  # noqa: PTH113, PTH118  likewise
                configured = here
            here = above
        return configured


def files_of(
    root: str, paths: Sequence[str | Path], known: Sequence[str], excluded: Globs | None, roots: Roots
) -> list[Path] | None:
    """All files of a project in order, but none where one of `paths` is its root or lies above it.

    They are written as the `known` ones are, absolute or seen from the current folder. None where there are too many to
    be looked at.
    """
    if not root or any(_holds(path, root) for path in paths):
        return []
    absolute = all(os.path.isabs(path) for path in known)  # noqa: PTH117  as above
    top = Path(root) if absolute else Path(os.path.relpath(root))
    found = (path for path in below(top, Passed(), excluded) if roots.of(path) == root)
    first = list(islice(found, MOST_FILES + 1))
    return None if len(first) > MOST_FILES else first


def _holds(path: str | Path, root: str) -> bool:
    """Whether a path is a project's root or lies above it."""
    above = os.path.abspath(path)  # noqa: PTH100  as above
    return root == above or root.startswith(above.rstrip(os.sep) + os.sep)
