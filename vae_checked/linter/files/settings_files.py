"""Settings in files of YAML and JSON: the texts and numbers of nested mappings, and nothing that takes a parser.

YAML is read as far as one line is `key: value` and indentation nests. Anchors, tags, flow collections, texts of several
lines and interpolated values are left out; of a file that indents by tabs nothing is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from vae_checked.record import dataclass

MOST_READ = 65_536
_KEY = re.compile(r"""^( *)((?:- +)*)("[^"]+"|'[^']+'|[\w.$/-]+) *:(?: +(.*))?$""")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$")
# What a plain text does not begin with, and what another tool puts in the place of something.
_SPECIAL = ("[", "{", "&", "*", "!", "|", ">", "@", "`", "%")
_INTERPOLATED = ("${", "{{", "$(")
_BLOCK = re.compile(r"[|>][+-]?\d*$")
_MAX_DEPTH = 16


@dataclass(frozen=True, slots=True)
class Setting:
    """A text or number under the keys of its mappings, the outermost first, and its line, 0 where it is not known."""

    keys: tuple[str, ...]
    value: str | float
    line: int


def settings(path: str, text: str) -> list[Setting]:
    """What a file of YAML or JSON sets, by the end of its name; nothing of any other, and of one that is not read."""
    if len(text) > MOST_READ:
        return []
    if path.endswith(".json"):
        try:
            return list(_of_json(json.loads(text), ()))
        except (ValueError, RecursionError):
            return []
    return list(_of_yaml(text)) if path.endswith((".yaml", ".yml")) else []


def _of_json(value: object, keys: tuple[str, ...]) -> Iterator[Setting]:
    if len(keys) > _MAX_DEPTH:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _of_json(inner, (*keys, str(key)))
    elif isinstance(value, list):
        for inner in value:
            yield from _of_json(inner, keys)
    elif keys and isinstance(value, str):
        yield Setting(keys, value, 0)
    elif keys and isinstance(value, (int, float)) and not isinstance(value, bool):
        yield Setting(keys, float(value), 0)


def _of_yaml(text: str) -> Iterator[Setting]:
    open_keys: list[tuple[int, str]] = []
    # The indentation of a text of several lines: what stands deeper is part of it.
    block: int | None = None
    lines = text.splitlines()
    if any(line.lstrip(" ").startswith("\t") for line in lines):
        return
    for number, line in enumerate(lines, 1):
        depth = len(line) - len(line.lstrip(" "))
        if block is not None and (not line.strip() or depth > block):
            continue
        block = None
        found = _KEY.match(_without_comment(line))
        if found is None:
            continue
        at = depth + len(found[2])
        while open_keys and open_keys[-1][0] >= at:
            open_keys.pop()
        keys = (*(key for _, key in open_keys), found[3].strip("\"'"))
        written = (found[4] or "").strip()
        if not written:
            open_keys.append((at, keys[-1]))
        elif _BLOCK.match(written):
            block = at
        elif (value := _scalar(written)) is not None:
            yield Setting(keys, value, number)


def _without_comment(line: str) -> str:
    """A line without what follows a `#` that begins a word and stands in no quotes."""
    quote = ""
    for place, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter == "#" and (place == 0 or line[place - 1] == " "):
            return line[:place].rstrip()
    return line.rstrip()


def _scalar(written: str) -> str | float | None:
    if any(mark in written for mark in _INTERPOLATED) or written.startswith(_SPECIAL):
        return None
    if written[0] in "\"'":
        return written[1:-1] if len(written) > 1 and written[-1] == written[0] else None
    return float(written) if _NUMBER.match(written) else written
