"""The files below a folder: what version control ignores, environments and caches are left out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from vae_checked.record import dataclass

SKIPPED = frozenset(
    (".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".nox", ".mypy_cache", ".eggs",
     ".ruff_cache", ".pytest_cache", ".ipynb_checkpoints", "build", "dist", "site-packages")
)  # fmt: skip
SUFFIXES = (".py", ".ipynb")
_MAX_DEPTH = 60


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a .gitignore: what it matches, whether only folders, and whether it takes back what others say."""

    pattern: re.Pattern[str]
    folders_only: bool
    negated: bool


# The rules that hold for a folder, in order, each with the path from the folder of its file to this one.
_Rules = tuple[tuple[Rule, str], ...]


class Globs:
    """Patterns as in a .gitignore that lies in `folder`; the last that matches a path decides."""

    def __init__(self, patterns: Sequence[str], folder: str | Path) -> None:
        self._rules = tuple(rule for rule in map(parse_rule, patterns) if rule is not None)
        self._folder = os.path.abspath(folder)  # noqa: PTH100  Path.absolute keeps `..`, which patterns cannot match

    def rules_for(self, folder: Path) -> _Rules:
        """The rules as they hold for the entries of `folder`."""
        prefix = self._relative(folder)
        return tuple((rule, "" if prefix == "." else f"{prefix}/") for rule in self._rules)

    def match(self, path: str | Path, is_folder: bool = False) -> bool:
        """Whether a pattern names the file or folder `path`, or a folder that it lies in."""
        if not self._rules:
            return False
        parts = self._relative(path).split("/")
        rules = tuple((rule, "") for rule in self._rules)
        return any(
            _ignored("/".join(parts[:count]), is_folder or count < len(parts), rules)
            for count in range(1, len(parts) + 1)
            if parts[count - 1] != ".."
        )

    def _relative(self, path: str | Path) -> str:
        try:
            return os.path.relpath(path, self._folder).replace(os.sep, "/")
        except ValueError:
            return Path(path).as_posix()


def below(folder: Path, unread: list[tuple[str, str]], excluded: Globs | None = None) -> Iterator[Path]:
    """Every Python file and notebook below `folder`, sorted; folders that cannot be listed go to `unread`.

    What `excluded` names is left out even where a .gitignore takes it back.
    """
    yield from _below(folder, _rules_above(folder), () if excluded is None else excluded.rules_for(folder), unread, 0)


def _below(folder: Path, rules: _Rules, excluded: _Rules, unread: list[tuple[str, str]], depth: int) -> Iterator[Path]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        unread.append((str(folder), error.strerror or str(error)))
        return
    if any(entry.name == ".gitignore" for entry in entries):
        rules = (*rules, *_rules_in(folder))
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if entry.name in SKIPPED or depth >= _MAX_DEPTH:
                continue
            if not (_ignored(entry.name, True, rules) or _ignored(entry.name, True, excluded)):
                inner, left_out = (_inside(each, entry.name) for each in (rules, excluded))
                yield from _below(folder / entry.name, inner, left_out, unread, depth + 1)
        elif (
            entry.name.endswith(SUFFIXES)
            and entry.is_file()
            and not (_ignored(entry.name, False, rules) or _ignored(entry.name, False, excluded))
        ):
            yield folder / entry.name


def _inside(rules: _Rules, name: str) -> _Rules:
    return tuple((rule, f"{prefix}{name}/") for rule, prefix in rules)


def _rules_above(folder: Path) -> _Rules:
    """The rules of the folders above, up to the one that holds `.git`; none outside of a repository."""
    above: list[Path] = []
    here = folder.absolute()
    while not (here / ".git").exists():
        if here.parent == here:
            return ()
        here = here.parent
        above.append(here)
    rules: _Rules = ()
    for parent in reversed(above):
        prefix = folder.absolute().relative_to(parent).as_posix()
        rules += tuple((rule, f"{prefix}/") for rule, _ in _rules_in(parent))
    return rules


def _rules_in(folder: Path) -> _Rules:
    try:
        lines = (folder / ".gitignore").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    return tuple((rule, "") for rule in map(parse_rule, lines) if rule is not None)


def _ignored(name: str, is_folder: bool, rules: _Rules) -> bool:
    """What the last rule that matches says."""
    for rule, prefix in reversed(rules):
        if (is_folder or not rule.folders_only) and rule.pattern.fullmatch(f"{prefix}{name}"):
            return not rule.negated
    return False


def parse_rule(line: str) -> Rule | None:
    """A line of a .gitignore as git reads it (gitignore(5)); None where it holds no rule."""
    text = re.sub(r"(?<!\\) +$", "", line.rstrip("\r\n"))
    if not text or text.startswith("#"):
        return None
    negated = text.startswith("!")
    text = text[negated:]
    folders_only = text.endswith("/")
    text = text.rstrip("/") if folders_only else text
    anchored = "/" in text
    text = text.removeprefix("/")
    if not text:
        return None
    try:
        pattern = re.compile(("" if anchored else "(?:.*/)?") + _translated(text), re.DOTALL)
    except re.error:
        return None
    return Rule(pattern, folders_only, negated)


_TOKEN = re.compile(r"(?P<any>^\*\*/|(?<=/)\*\*/)|(?P<rest>(?:^|(?<=/))\*\*$)|(?P<star>\*+)|(?P<one>\?)"
                    r"|\[(?P<set>[!^]?\]?[^\]]*)\]|\\(?P<plain>.)|(?P<other>.)", re.DOTALL)  # fmt: skip


def _translated(text: str) -> str:
    parts = []
    for token in _TOKEN.finditer(text):
        if token["any"]:
            parts.append("(?:.*/)?")
        elif token["rest"]:
            parts.append(".+")
        elif token["star"]:
            parts.append("[^/]*")
        elif token["one"]:
            parts.append("[^/]")
        elif token["set"] is not None:
            inside = token["set"].replace("\\", "\\\\").replace("[", "\\[")
            negated = inside[:1] in ("!", "^")
            parts.append(f"(?!/)[{'^' if negated else ''}{inside[negated:]}]")
        else:
            parts.append(re.escape(token["plain"] or token["other"]))
    return "".join(parts)
