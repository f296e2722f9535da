"""The files below a folder: those that git tracks, and those that nothing leaves out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from vae_checked.linter.files.ignore_rules import Globs, Rules, inside, is_ignored, rules_of
from vae_checked.record import dataclass, field, replace

if TYPE_CHECKING:
    from vae_checked.linter.files.git_index import Tracked

# Version control's own, environments, installed packages, and what a tool keeps.
SKIPPED = frozenset(
    (".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".nox", ".mypy_cache", ".eggs",
     ".ruff_cache", ".pytest_cache", ".ipynb_checkpoints", "site-packages")
)  # fmt: skip
# What a build has made, where git does not track it: a project's own package may be called so.
MADE = frozenset(("build", "dist"))
SUFFIXES = (".py", ".ipynb")
_MAX_DEPTH = 60


@dataclass(slots=True)
class Passed:
    """What a walk passed by: (path, reason) of what could not be read, and of what is left out on purpose.

    The path of a folder that is left out ends in a `/`.
    """

    unread: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def below(folder: Path, passed: Passed, excluded: Globs | None = None) -> Iterator[Path]:
    """Every Python file and notebook below `folder`, sorted; what is passed by is noted in `passed`.

    In a repository those are the files that git tracks, and those that it does not ignore. What `excluded` names is
    left out even so.
    """
    top = _repository_around(folder)
    repository = _Repository(top)
    rules = repository.rules_above(folder)
    left_out = () if excluded is None else excluded.rules_for(folder)
    yield from _walk(folder, _Here(repository, rules, left_out, repository.path_of(folder)), passed, 0)


class _Repository:
    """The repository that a folder lies in, or None: what git tracks in it is read once it is asked for."""

    def __init__(self, top: Path | None) -> None:
        self.top = top

    @cached_property
    def _tracked(self) -> Tracked | None:
        from vae_checked.linter.files.git_index import tracked  # noqa: PLC0415  most runs meet nothing that is ignored

        return None if self.top is None else tracked(self.top)

    def tracks(self, path: str, is_folder: bool) -> bool:
        """Whether git tracks a file, or anything in a folder, at this path from the top."""
        known = self._tracked
        return known is not None and path in (known.folders if is_folder else known.files)

    def path_of(self, folder: Path) -> str:
        """The path of a folder from the top, with a `/` behind it; empty at the top."""
        if self.top is None:
            return ""
        path = folder.absolute().relative_to(self.top).as_posix()
        return "" if path == "." else f"{path}/"

    def rules_at_top(self) -> Rules:
        """The rules that stand outside of a .gitignore."""
        if self.top is None:
            return ()
        from vae_checked.linter.files.git_index import ignore_files  # noqa: PLC0415  for a file outside a repository

        return tuple(rule for file in ignore_files(self.top) for rule in rules_of(file))

    def rules_above(self, folder: Path) -> Rules:
        """The rules that hold for the entries of `folder`, but for those of its own .gitignore."""
        rules = self.rules_at_top()
        if self.top is not None:
            here = self.top
            for part in self.path_of(folder).split("/")[:-1]:
                rules = inside((*rules, *rules_of(here / ".gitignore")), part)
                here /= part
        return rules


def _repository_around(folder: Path) -> Path | None:
    """The nearest folder at or above `folder` that holds `.git`."""
    here = folder.absolute()
    while not os.path.lexists(here / ".git"):
        if here.parent == here:
            return None
        here = here.parent
    return here


@dataclass(frozen=True, slots=True)
class _Here:
    """A folder on the way: `rules` and `excluded` hold for its entries, `path` is its own from the repository's top.

    `hidden` where git ignores the folder itself: of what is below, only what it tracks is read.
    """

    repository: _Repository
    rules: Rules
    excluded: Rules
    path: str
    hidden: bool = False

    def into(self, name: str) -> _Here:
        """The folder `name` in this one."""
        hidden = self.hidden or name in MADE or is_ignored(name, True, self.rules)
        rules, excluded = inside(self.rules, name), inside(self.excluded, name)
        return _Here(self.repository, rules, excluded, f"{self.path}{name}/", hidden)

    def with_rules(self, names: set[str], folder: Path, depth: int) -> _Here:
        """The same with what the folder holds of its own: a repository, a .gitignore."""
        here = self
        if depth and ".git" in names:
            repository = _Repository(folder.absolute())
            here = replace(here, repository=repository, rules=repository.rules_at_top(), path="", hidden=False)
        return replace(here, rules=(*here.rules, *rules_of(folder / ".gitignore"))) if ".gitignore" in names else here

    def left_out(self, name: str, is_folder: bool) -> str | None:
        """Why an entry is left out, empty where that goes without saying; None where it is read."""
        if is_folder and name in SKIPPED:
            return "" if name.startswith((".", "_")) else "an environment or installed packages"
        if is_ignored(name, is_folder, self.excluded):
            return "excluded"
        made = is_folder and name in MADE
        ignored = made or self.hidden or is_ignored(name, is_folder, self.rules)
        if not ignored or self.repository.tracks(self.path + name, is_folder):
            return None
        by = "a .gitignore" if self.repository.top is None else "git"
        return "made by a build" if made else f"ignored by {by}"


def _walk(folder: Path, here: _Here, passed: Passed, depth: int) -> Iterator[Path]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        passed.unread.append((str(folder), error.strerror or str(error)))
        return
    if depth > _MAX_DEPTH:
        passed.unread.append((str(folder), f"nested deeper than {_MAX_DEPTH} folders"))
        return
    here = here.with_rules({entry.name for entry in entries}, folder, depth)
    for entry in entries:
        name, is_folder = entry.name, entry.is_dir(follow_symlinks=False)
        if not is_folder and not (name.endswith(SUFFIXES) and _is_file(entry)):
            continue
        reason = here.left_out(name, is_folder)
        if reason is None and is_folder and _is_a_copy(folder, name):
            reason = "made by a build"
        if reason is None:
            if is_folder:
                yield from _walk(folder / name, here.into(name), passed, depth + 1)
            else:
                yield folder / name
        elif reason:
            passed.left_out.append((f"{folder / name}{'/' if is_folder else ''}", reason))


def _is_a_copy(folder: Path, name: str) -> bool:
    """Whether a folder is the `build/lib` of a project, tracked or not: each package in it lies beside as well."""
    if folder.name != "build" or (name != "lib" and not name.startswith("lib.")):
        return False
    project = folder.absolute().parent
    try:
        held = [entry for entry in (folder / name).iterdir() if entry.is_dir() or entry.suffix == ".py"]
    except OSError:
        return False
    return bool(held) and all(any((at / entry.name).exists() for at in (project, project / "src")) for entry in held)


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a file or leads to one: a link to itself does not."""
    try:
        return entry.is_file()
    except OSError:
        return False
