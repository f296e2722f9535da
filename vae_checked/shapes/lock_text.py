"""The text of a lock: sorted TOML that a person reviews, git merges line by line, and no damage changes unseen."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Mapping

from vae_checked.errors import UsageError
from vae_checked.shapes.fold import fold, natural, unfold
from vae_checked.shapes.lock import FACTS, RUN, TABLES, DamagedLockError, Lock, LockedModel

FORMAT = 2
ANEW = "take it from version control, or write it anew with vae-checked shapes lock"
_HEAD = "# Symbolic shapes, written by `vae-checked shapes lock`: review what changed, commit it, do not edit it."
_END = "# end of the lock"
_FORMAT = re.compile(r"format = (\S.*)")
_STRING = r'"(?:[^"\\]|\\.)*"'
_SECTION = re.compile(rf"\[models\.({_STRING})(?:\.([a-z]+))?\]")
_ENTRY = re.compile(rf"({_STRING}|[a-z]+) = ({_STRING})  # ([0-9a-f]{{8}})")
_CONFLICT = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")
_OF_LAYERS = ("buffers", "parameters")
_NEEDED = ("constraint", "input", "smallest")
# What ends a line for one reader or another, and is left as it is by JSON.
_LINE_ENDS = {ord(each): f"\\u{ord(each):04x}" for each in "\x7f\x85\u2028\u2029"}
# One part of a dotted key; the dots of a folded range stand in braces.
_PART = re.compile(r"(?:\{[^}]*\}|[^.{])+")

# --------------------------------------------------------------------------------------------------- writing


def render_lock(models: Mapping[str, LockedModel]) -> str:
    """The text of a lock: format version, then one section per model in sorted order.

    Each entry ends with a checksum of itself and its section. It stands on the entry's own line, not once for the file:
    what two branches change on different lines is merged by git, and a conflict is settled by choosing whole lines.
    Between facts, stages, and layers of different parts are empty lines: what two branches change on neighbouring lines
    is a conflict for git.
    """
    lines = [_HEAD, f"format = {FORMAT}", ""]
    for name in sorted(models, key=natural):
        model = models[name]
        facts = {**model.facts, **model.run}
        pairs = [(key, f"{key} = {_quoted(facts[key])}") for key in sorted(facts)]
        lines += [*_section(f"[models.{_quoted(name)}]", pairs, 1), ""]
        for table in TABLES:
            entries = fold(model.table(table))
            if entries:
                pairs = [(key, f"{_quoted(key)} = {_quoted(value)}") for key, value in entries.items()]
                # A parameter is called after its layer, and the layer after the part that it is in.
                below = 2 if table in _OF_LAYERS else 1
                lines += [*_section(f"[models.{_quoted(name)}.{table}]", pairs, below), ""]
    return "\n".join([*lines, _END]) + "\n"


def _section(head: str, pairs: list[tuple[str, str]], below: int) -> Iterator[str]:
    """The lines, with an empty one wherever the key without its last parts, `below` of them, is another."""
    yield head
    of_section = _checksum_of(head)
    last: list[str] | None = None
    for key, line in pairs:
        parts = _PART.findall(key)
        part = parts[:-below] or parts[:1]
        if last not in (None, part):
            yield ""
        last = part
        yield f"{line}  # {_checksum(line, of_section)}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).translate(_LINE_ENDS)


def _checksum(entry: str, of_section: int) -> str:
    """The CRC-32 of an entry after that of its section: it differs for every change of up to 32 bits in a row."""
    return f"{zlib.crc32(entry.encode(), of_section):08x}"


def _checksum_of(head: str) -> int:
    return zlib.crc32(head.encode())


# --------------------------------------------------------------------------------------------------- reading


def parse_lock(text: str, where: str) -> Lock:
    """The lock that `text` is; `where` names it in errors.

    Raises DamagedLockError, naming the line, where it is none or not as it was written, and UsageError where a later
    version wrote it.
    """
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    for number, line in enumerate(lines, 1):
        if line.startswith(_CONFLICT):
            raise DamagedLockError(
                f"{where}:{number}: a merge conflict", "resolve it, or write it anew with vae-checked shapes lock"
            )
    _expect_format(lines, where)
    reader = _Reader(where)
    last = max(number for number, line in enumerate(lines, 1) if line)
    whole = lines[last - 1] == _END
    for number, line in enumerate(lines[: last - whole], 1):
        if line and line != _HEAD and not line.startswith("format = "):
            reader.read(line, number)
    if not whole:
        raise DamagedLockError(f"{where}:{last}: cut short: the last line is not {_END!r}", ANEW)
    return reader.lock()


def _expect_format(lines: list[str], where: str) -> None:
    stated = [(number, match[1]) for number, line in enumerate(lines, 1) if (match := _FORMAT.fullmatch(line))]
    if [version for _, version in stated] == [str(FORMAT)]:
        return
    number, version = stated[-1] if stated else (1, "none")
    what = f"{where}:{number}: format {version}, this version reads format {FORMAT}"
    if version.isdecimal() and version.isascii() and len(version) < 9 and int(version) > FORMAT:
        raise UsageError(f"{what}: install the version of vae-checked that wrote it")
    raise DamagedLockError(what, ANEW)


class _Reader:
    """Takes the lines of sections and entries one by one."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._lines: dict[tuple[str, str, str], int] = {}
        # The entries of each table of each model; the facts stand under "".
        self._models: dict[str, dict[str, dict[str, str]]] = {}
        self._model = self._table = ""
        self._entries: dict[str, str] | None = None
        self._of_section = 0

    def read(self, line: str, number: int) -> None:
        """One line that is neither empty nor a comment."""
        if (entry := _ENTRY.fullmatch(line)) is not None:
            self._entry(line[: entry.end(2)], *entry.groups(), number=number)
        elif (section := _SECTION.fullmatch(line)) is not None:
            self._section(line, _text(section[1]), section[2] or "", number)
        else:
            raise self._damaged(number, "this is no line of a lock")

    def _section(self, line: str, model: str | None, table: str, number: int) -> None:
        if model is None or (table and table not in TABLES):
            raise self._damaged(number, "this is no section of a lock")
        tables = self._models.setdefault(model, {})
        if table in tables:
            raise self._damaged(number, f"{line} stands here for the second time")
        self._entries = tables[table] = {}
        self._lines[model, table, ""] = number
        self._model, self._table, self._of_section = model, table, _checksum_of(line)

    def _entry(self, entry: str, key: str, value: str, checksum: str, *, number: int) -> None:
        if self._entries is None:
            raise self._damaged(number, "an entry before the first section")
        if _checksum(entry, self._of_section) != checksum:
            raise self._damaged(number, "the entry and its checksum disagree, so that one of them was changed")
        name, shape = _text(key), _text(value)
        if name is None or shape is None:
            raise self._damaged(number, "this is no line of a lock")
        if name in self._entries:
            raise self._damaged(number, f"{name} stands here for the second time")
        if not self._table and name not in (*FACTS, *RUN):
            raise self._damaged(number, f"{self._model} has an entry {name!r} that no lock has")
        self._entries[name] = shape
        self._lines[self._model, self._table, name] = number

    def lock(self) -> Lock:
        """What was read."""
        return Lock({name: self._locked(name, tables) for name, tables in self._models.items()}, self._lines)

    def _locked(self, name: str, tables: Mapping[str, Mapping[str, str]]) -> LockedModel:
        facts = tables.get("", {})
        line = next(number for (model, _, _), number in self._lines.items() if model == name)
        for key in _NEEDED:
            if key not in facts:
                raise self._damaged(line, f"{name} lacks the entry {key!r}")
        return LockedModel(
            facts={key: facts[key] for key in FACTS if key in facts},
            run={key: facts[key] for key in RUN if key in facts},
            **{table: self._unfolded(name, table, tables.get(table, {})) for table in TABLES},
        )

    def _unfolded(self, name: str, table: str, entries: Mapping[str, str]) -> dict[str, str]:
        try:
            return unfold(entries)
        except ValueError as error:
            raise self._damaged(self._lines[name, table, ""], str(error)) from None

    def _damaged(self, line: int, what: str) -> DamagedLockError:
        return DamagedLockError(f"{self._where}:{line}: damaged: {what}", ANEW)


def _text(string: str) -> str | None:
    """What a quoted string, or a bare key, stands for; None where it is no string of JSON."""
    if not string.startswith('"'):
        return string
    if "\\" not in string and string.isprintable():
        return string[1:-1]
    try:
        found: str = json.loads(string)
    except ValueError:
        return None
    return found
