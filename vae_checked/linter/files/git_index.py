"""What git keeps beside a work tree: the paths that it tracks, and the rules that stand outside of a .gitignore.

Its files are read, git itself is not run: it may be missing, hang, refuse a folder of somebody else's, or do what the
configuration of a folder that nobody has looked at yet tells it. Formats: gitformat-index(5), gitrepository-layout(5),
git-config(1).
"""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path

from vae_checked.record import dataclass
from vae_checked.regular_files import MOST_WRITTEN, content

# The longest path that systems take, and all paths of an index together.
_MOST_IN_PATH, _MOST_IN_PATHS = 4_096, 64_000_000
_HEADER = struct.Struct(">4sII")
# Of an entry: where its mode stands, and where its object's name does.
_MODE, _OBJECT = 24, 40
_EXTENDED = 0x4000
_VERSIONS = (2, 3, 4)
_HASHES = {False: 20, True: 32}
_SHA256 = re.compile(rb"^[ \t]*objectformat[ \t]*=[ \t]*\"?sha256", re.IGNORECASE | re.MULTILINE)
_SECTION = re.compile(r"[ \t]*\[[ \t]*([^\]\s\"]+)")
_EXCLUDES = re.compile(r"[ \t]*excludesfile[ \t]*=[ \t]*(.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tracked:
    """What a repository tracks, as paths from its top with `/` between the parts: files, and the folders around them.

    A repository within this one, a submodule, is a folder.
    """

    files: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()


def git_folder(top: Path) -> Path | None:
    """Where git keeps the repository at `top`: `.git`, or the folder that a file of this name points to."""
    kept = top / ".git"
    if kept.is_dir():
        return kept
    text = _text(kept)
    if not text.startswith("gitdir:"):
        return None
    return top / text.removeprefix("gitdir:").strip()


def tracked(top: Path) -> Tracked:
    """The paths that the repository at `top` tracks; none where its index is missing, damaged or of an unknown form."""
    kept = git_folder(top)
    if kept is None:
        return Tracked()
    size = _HASHES[_SHA256.search(_bytes(_shared(kept) / "config")) is not None]
    files: set[str] = set()
    folders: set[str] = set()
    try:
        # Where an index is split, the larger part of its entries stands in a file of its own.
        for index in (kept / "index", *kept.glob("sharedindex.*")):
            _read(_bytes(index), size, files, folders)
    except (struct.error, IndexError, ValueError):
        return Tracked()
    for path in (*files, *folders):
        parent = path.rpartition("/")[0]
        while parent and parent not in folders:
            folders.add(parent)
            parent = parent.rpartition("/")[0]
    return Tracked(frozenset(files), frozenset(folders))


def ignore_files(top: Path) -> tuple[Path, ...]:
    """The files of rules that hold in the repository at `top` before those of any .gitignore, the weakest first."""
    kept = git_folder(top)
    if kept is None:
        return ()
    shared = _shared(kept)
    home = Path("~").expanduser()
    own = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "git"
    whole = os.environ.get("GIT_CONFIG_GLOBAL")
    chosen = own / "ignore"
    for config in ((Path(whole),) if whole else (own / "config", home / ".gitconfig")) + ((shared / "config"),):
        named = _excludes_file(config)
        if named is not None:
            chosen = named
    return (chosen, shared / "info" / "exclude")


def _excludes_file(config: Path) -> Path | None:
    """What a file of configuration says of core.excludesFile, the last time that it does."""
    section, found = "", None
    for line in _text(config).splitlines():
        begun = _SECTION.match(line)
        if begun is not None:
            section = begun[1].lower()
        said = _EXCLUDES.match(line)
        if said is not None and section == "core":
            found = Path(said[1].strip().strip('"')).expanduser()
    return found


def _shared(kept: Path) -> Path:
    """What the work trees of one repository have in common."""
    common = _text(kept / "commondir").strip()
    return kept / common if common else kept


def _read(data: bytes, size: int, files: set[str], folders: set[str]) -> None:
    """Add the paths of an index whose objects have names of `size` bytes; ValueError where it is none."""
    if not data:
        return
    mark, version, count = _HEADER.unpack_from(data)
    if mark != b"DIRC" or version not in _VERSIONS:
        raise ValueError("no index of a known form")
    at, name, length = _HEADER.size, b"", 0
    for _ in range(count):
        start, flags_at = at, at + _OBJECT + size
        (mode,) = struct.unpack_from(">I", data, at + _MODE)
        (flags,) = struct.unpack_from(">H", data, flags_at)
        at = flags_at + (4 if flags & _EXTENDED else 2)
        if version == 4:
            dropped, at = _number(data, at)
            end = data.index(0, at)
            name = name[: len(name) - dropped] + data[at:end]
            at = end + 1
        else:
            end = data.index(0, at)
            name = data[at:end]
            at = start + (end - start + 8) // 8 * 8
        # Each path of the fourth version may begin like the one before: a few bytes can say much.
        length += len(name)
        if len(name) > _MOST_IN_PATH or length > _MOST_IN_PATHS:
            raise ValueError("paths that no work tree has")
        if name:
            kind = files if mode >> 12 in (0o10, 0o12) else folders
            kind.add(os.fsdecode(name.rstrip(b"/")))


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of as many bytes as it takes, and where it ends: the encoding of offsets in packs."""
    byte = data[at]
    value = byte & 0x7F
    while byte & 0x80:
        at += 1
        byte = data[at]
        value = ((value + 1) << 7) | (byte & 0x7F)
    return value, at + 1


def _bytes(path: Path) -> bytes:
    try:
        return content(path, MOST_WRITTEN)
    except (OSError, ValueError):
        return b""


def _text(path: Path) -> str:
    return _bytes(path).decode(errors="replace")
