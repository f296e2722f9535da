"""Lines of a .gitignore as git reads them, and what they say of a path."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from vae_checked.record import dataclass
from vae_checked.regular_files import MOST_CONFIGURED, content


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a .gitignore: what it matches, whether only folders, and whether it takes back what others say."""

    pattern: re.Pattern[str]
    folders_only: bool
    negated: bool


# The rules that hold for a folder, in order, each with the path from the folder of its file to this one.
Rules = tuple[tuple[Rule, str], ...]


class Globs:
    """Patterns as in a .gitignore that lies in `folder`; the last that matches a path decides."""

    def __init__(self, patterns: Sequence[str], folder: str | Path) -> None:
        self._rules = tuple(rule for rule in map(parse_rule, patterns) if rule is not None)
        self._folder = os.path.abspath(folder)  # noqa: PTH100  Path.absolute keeps `..`, which patterns cannot match

    def rules_for(self, folder: Path) -> Rules:
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
            is_ignored("/".join(parts[:count]), is_folder or count < len(parts), rules)
            for count in range(1, len(parts) + 1)
            if parts[count - 1] != ".."
        )

    def _relative(self, path: str | Path) -> str:
        try:
            return os.path.relpath(path, self._folder).replace(os.sep, "/")
        except ValueError:
            return Path(path).as_posix()


def rules_of(file: Path) -> Rules:
    """The rules of a file of them, as they hold for the entries of its folder; none where it cannot be read."""
    try:
        data = content(file, MOST_CONFIGURED)
    except (OSError, ValueError):
        return ()
    lines = data.decode("utf-8-sig", errors="replace").split("\n")
    return tuple((rule, "") for rule in map(parse_rule, lines) if rule is not None)


def inside(rules: Rules, name: str) -> Rules:
    """The rules that hold for the entries of a folder, as they hold for those of the folder `name` in it."""
    return tuple((rule, f"{prefix}{name}/") for rule, prefix in rules)


def is_ignored(name: str, is_folder: bool, rules: Rules) -> bool:
    """Whether the last rule that matches an entry leaves it out."""
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
        pattern = re.compile(_translated(text if anchored else f"**/{text}"), re.DOTALL)
    except (re.error, OverflowError, RecursionError):
        return None
    return Rule(pattern, folders_only, negated)


_TOKEN = re.compile(r"(?P<any>^\*\*/|(?<=/)\*\*/)|(?P<rest>(?:^|(?<=/))\*\*$)|(?P<star>\*+)|(?P<one>\?)"
                    r"|\[(?P<set>[!^]?\]?[^\]]*)\]|\\(?P<plain>.)|(?P<other>.)", re.DOTALL)  # fmt: skip


_STAR, _SLASH = "*", "/"


def _translated(text: str) -> str:
    """A pattern that takes time in proportion to its length and to that of what it is held against.

    Of what stands between two stars the first match serves all that comes after it, so none is taken back: within a
    part of a path between `*`, and of whole parts between `**/`.
    """
    stretches: list[list[str]] = [[]]
    for token in _TOKEN.finditer(text):
        if token["any"]:
            stretches.append([])
        else:
            stretches[-1].append(_one(token))
    first, *others = map(_of_parts, stretches)
    anywhere = "(?:[^/]*/)*?"
    return first + "".join(f"(?>{anywhere}{each})" for each in others[:-1]) + "".join(anywhere + x for x in others[-1:])


def _one(token: re.Match[str]) -> str:
    """What one letter, set or wildcard of a pattern matches; a star within a part, and a slash, stay as they are."""
    if token["rest"]:
        return ".+"
    if token["star"]:
        return _STAR
    if token["one"]:
        return "[^/]"
    if token["set"] is not None:
        inside = token["set"].replace("\\", "\\\\").replace("[", "\\[")
        negated = inside[:1] in ("!", "^")
        return f"(?!/)[{'^' if negated else ''}{inside[negated:]}]"
    plain = token["plain"] or token["other"]
    return plain if plain == _SLASH else re.escape(plain)


def _of_parts(letters: Sequence[str]) -> str:
    """A stretch of a pattern without `**/`: each part of the path by what stands between its stars."""
    parts: list[list[str]] = [[""]]
    for letter in letters:
        if letter == _SLASH:
            parts.append([""])
        elif letter == _STAR:
            parts[-1].append("")
        else:
            parts[-1][-1] += letter
    return "/".join(
        pieces[0]
        + "".join(f"(?>[^/]*?{each})" for each in pieces[1:-1])
        + "".join(f"[^/]*{each}" for each in pieces[1:][-1:])
        for pieces in parts
    )
