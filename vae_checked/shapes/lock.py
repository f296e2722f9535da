"""The lock file: the shapes of models as sorted TOML that a person reviews and git merges line by line."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vae_checked.errors import UsageError
from vae_checked.regular_files import MOST_WRITTEN, content
from vae_checked.shapes.disk import drafts_of, replace_file
from vae_checked.shapes.fold import fold, natural, unfold
from vae_checked.shapes.model import ModelShapes

LOCK_NAME = "vae-shapes.lock"
FORMAT = 1
TABLES = ("buffers", "layers", "parameters", "stages")
FACTS = ("constraint", "input", "latent", "reconstruction", "smallest")
RUN = ("adapter", "kwargs", "loss", "model", "spec")
_HEAD = "# Symbolic shapes, written by `vae-checked shapes lock`: review what changed, commit it, do not edit it."
_END = "# end of the lock"
# For how many seconds a writer waits for another one.
PATIENCE = 30.0
_OF_LAYERS = ("buffers", "parameters")
# One part of a dotted key; the dots of a folded range stand in braces.
_PART = re.compile(r"(?:\{[^}]*\}|[^.{])+")


class DamagedLockError(UsageError):
    """A text that is no whole lock: where and what, and in `remedy` what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f"{self.what}: {self.remedy}"


@dataclass(frozen=True, slots=True)
class LockedModel:
    """One model of a lock: `facts` by name, `run` how it is built, and one table per kind of entry."""

    facts: Mapping[str, str]
    stages: Mapping[str, str]
    layers: Mapping[str, str]
    parameters: Mapping[str, str]
    buffers: Mapping[str, str]
    run: Mapping[str, str] = field(default_factory=dict)

    def table(self, name: str) -> Mapping[str, str]:
        """The table `name` of TABLES."""
        found: Mapping[str, str] = getattr(self, name)
        return found


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that was read: its models by name, and the line of each entry by (model, table, key as written)."""

    models: Mapping[str, LockedModel]
    lines: Mapping[tuple[str, str, str], int] = field(default_factory=dict)

    def line(self, model: str, table: str = "", key: str = "") -> int:
        """The line at which an entry stands, folded or not; that of its model, or 1, where there is no such entry."""
        known = self.lines.get((model, table, key))
        if known is not None:
            return known
        for (name, where, written), line in self.lines.items():
            if (name, where) == (model, table) and (written == key or key in unfold({written: ""})):
                return line
        return self.lines.get((model, "", ""), 1)


def locked(shapes: ModelShapes, run: Mapping[str, str] | None = None) -> LockedModel:
    """What of `shapes` is locked; `run` says how to build the model again."""
    facts = {
        "constraint": shapes.constraint,
        "input": shapes.input,
        "latent": shapes.latent,
        "reconstruction": shapes.reconstruction,
        "smallest": shapes.smallest,
    }
    return LockedModel(
        facts={key: value for key, value in facts.items() if value},
        stages={entry.key: str(entry) for entry in shapes.stages},
        layers={entry.key: str(entry) for entry in shapes.layers},
        parameters=dict(shapes.parameters),
        buffers=dict(shapes.buffers),
        run=dict(run or {}),
    )


# --------------------------------------------------------------------------------------------------- writing


def render_lock(models: Mapping[str, LockedModel]) -> str:
    """The text of a lock: format version, then one section per model in sorted order.

    Between facts, stages, and layers of different parts are empty lines: what two branches change on neighbouring lines
    is a conflict for git.
    """
    lines = [_HEAD, f"format = {FORMAT}", ""]
    for name in sorted(models, key=natural):
        model = models[name]
        facts = {**model.facts, **model.run}
        pairs = [(key, f"{key} = {_quoted(facts[key])}") for key in sorted(facts)]
        lines += [f"[models.{_quoted(name)}]", *_spaced(pairs, 1), ""]
        for table in TABLES:
            entries = fold(model.table(table))
            if entries:
                pairs = [(key, f"{_quoted(key)} = {_quoted(value)}") for key, value in entries.items()]
                # A parameter is called after its layer, and the layer after the part that it is in.
                lines += [f"[models.{_quoted(name)}.{table}]", *_spaced(pairs, 2 if table in _OF_LAYERS else 1), ""]
    return "\n".join([*lines, _END]) + "\n"


def write_lock(
    path: Path, models: Mapping[str, LockedModel], *, keep: bool = False, drop: Collection[str] = ()
) -> None:
    """Write the lock at `path`, whole or not at all; with `keep` the models that it has stay, but for those in `drop`.

    Two writers wait for each other, so that with `keep` neither loses what the other wrote; what a writer that was
    killed left beside the lock is taken away. Raises UsageError when it cannot be written, or when with `keep` what is
    there cannot be read.
    """
    try:
        with _alone_in(path.resolve().parent) as alone:
            for draft in drafts_of(path) if alone else ():
                draft.unlink()
            if keep and path.exists():
                kept = {name: model for name, model in read_lock(path).models.items() if name not in drop}
                models = {**kept, **models}
            replace_file(path, render_lock(models))
    except OSError as error:
        raise UsageError(f"the lock cannot be written to {str(path)!r}: {error.strerror or error}") from None


@contextlib.contextmanager
def _alone_in(folder: Path, patience: float = PATIENCE) -> Iterator[bool]:
    """In the block no other writer of a lock is at work in `folder`, if it yields True; nothing is left there.

    UsageError where another one is at work for more than `patience` seconds.
    """
    try:
        import fcntl  # noqa: PLC0415  Windows has none; there the last writer wins, whole
    except ImportError:
        yield False
        return
    handle = os.open(folder, os.O_RDONLY)

    def taken() -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    try:
        until = time.monotonic() + patience
        while not taken():
            if time.monotonic() >= until:
                raise UsageError(f"another process writes a lock in {str(folder)!r}: end it, or try again later")
            time.sleep(0.02)
        yield True
    finally:
        os.close(handle)


def _spaced(pairs: list[tuple[str, str]], below: int) -> Iterator[str]:
    """The lines, with an empty one wherever the key without its last parts, `below` of them, is another."""
    last: list[str] | None = None
    for key, line in pairs:
        parts = _PART.findall(key)
        part = parts[:-below] or parts[:1]
        if last not in (None, part):
            yield ""
        last = part
        yield line


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


# --------------------------------------------------------------------------------------------------- reading


def read_lock(path: Path) -> Lock:
    """The lock at `path`; UsageError naming the line for one that is damaged, cut short or of another version."""
    try:
        text = content(path, MOST_WRITTEN).decode()
    except FileNotFoundError:
        raise UsageError(f"there is no {path}: write it with vae-checked shapes lock, and commit it") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DamagedLockError(f"{path}:{line}: damaged: it is not UTF-8", _ANEW) from None
    return parse_lock(text, str(path))


def parse_lock(text: str, where: str) -> Lock:
    """The lock that `text` is; `where` names it in errors."""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if line.startswith(("<<<<<<<", "=======", ">>>>>>>", "|||||||")):
            raise DamagedLockError(
                f"{where}:{number}: a merge conflict", "resolve it, or write it anew with vae-checked shapes lock"
            )
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DamagedLockError(f"{where}:{_line_of(error, lines)}: damaged: {error}", _ANEW) from None
    except (ValueError, RecursionError) as error:
        raise DamagedLockError(f"{where}:1: damaged: {error}", _ANEW) from None
    version = document.get("format")
    if type(version) is not int or version != FORMAT:
        at = next((number for number, each in enumerate(lines, 1) if each.startswith("format")), 1)
        what = f"{where}:{at}: format {version!r}, this version reads format {FORMAT}"
        if _newer(version):
            raise UsageError(f"{what}: install the version of vae-checked that wrote it")
        raise DamagedLockError(what, _ANEW)
    if not lines or lines[-1].strip() != _END:
        raise DamagedLockError(f"{where}:{len(lines)}: cut short: the last line is not {_END!r}", _ANEW)
    positions = _positions(lines)
    models = document.get("models", {})
    _expect_table(models, where, 1, "models")
    found = {}
    for name, section in models.items():
        _expect_table(section, where, positions.get((name, "", ""), 1), f"the section of {name}")
        found[name] = _model(section, where, name, positions)
    return Lock(found, positions)


_ANEW = "take it from version control, or write it anew with vae-checked shapes lock"


def _model(
    section: Mapping[str, Any], where: str, name: str, positions: Mapping[tuple[str, str, str], int]
) -> LockedModel:
    line = positions.get((name, "", ""), 1)
    tables: dict[str, dict[str, str]] = {}
    flat: dict[str, str] = {}
    for key, value in section.items():
        at = positions.get((name, "", key), line)
        if key in TABLES:
            _expect_table(value, where, at, key)
            for entry, shape in value.items():
                if not isinstance(shape, str):
                    at = positions.get((name, key, entry), at)
                    raise DamagedLockError(f"{where}:{at}: damaged: {entry} is {shape!r}, not a string", _ANEW)
            try:
                tables[key] = unfold(value)
            except ValueError as error:
                raise DamagedLockError(f"{where}:{at}: damaged: {error}", _ANEW) from None
        elif key in (*FACTS, *RUN) and isinstance(value, str):
            flat[key] = value
        else:
            raise DamagedLockError(f"{where}:{at}: damaged: {name} has an entry {key!r} that no lock has", _ANEW)
    for key in ("constraint", "input", "smallest"):
        if key not in flat:
            raise DamagedLockError(f"{where}:{line}: damaged: {name} lacks the entry {key!r}", _ANEW)
    return LockedModel(
        facts={key: flat[key] for key in FACTS if key in flat},
        run={key: flat[key] for key in RUN if key in flat},
        **{table: tables.get(table, {}) for table in TABLES},
    )


def _positions(lines: list[str]) -> dict[tuple[str, str, str], int]:
    """The line of each section and entry; a lock has one of them per line."""
    found: dict[tuple[str, str, str], int] = {}
    name = table = ""
    for number, line in enumerate(lines, 1):
        if line.startswith("["):
            try:
                (models,) = tomllib.loads(line)["models"].items()
            except (tomllib.TOMLDecodeError, KeyError, ValueError, AttributeError):
                continue
            name, inner = models
            table = next(iter(inner), "")
            found[name, table, ""] = number
        elif " = " in line and name:
            key = _key_of(line)
            if key is None:
                continue
            found[name, table, key] = number
    return found


def _key_of(line: str) -> str | None:
    """The key of an entry; None where the line is none."""
    try:
        if line.startswith('"'):
            # As a lock is written its strings are those of JSON, which is read much faster.
            key: str = json.JSONDecoder().raw_decode(line)[0]
        else:
            (key,) = tomllib.loads(line)
    except (ValueError, RecursionError):
        return None
    return key


def _line_of(error: tomllib.TOMLDecodeError, lines: list[str]) -> int:
    # The attribute is of Python 3.14; before, the message alone has the line.
    number = getattr(error, "lineno", None)
    if number is None:
        words = str(error).partition("(at line ")[2].partition(",")[0]
        number = int(words) if words.isdigit() else len(lines)
    return int(number)


def _expect_table(value: object, where: str, line: int, what: str) -> None:
    if not isinstance(value, dict):
        raise DamagedLockError(f"{where}:{line}: damaged: {what} is {value!r}, not a table", _ANEW)


def _newer(version: object) -> bool:
    return isinstance(version, int) and version > FORMAT
