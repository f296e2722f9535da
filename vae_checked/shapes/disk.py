"""Puts a text in the place of a file, whole or not at all, by way of a draft beside it."""

from __future__ import annotations

import errno
import glob
import os
import tempfile
from pathlib import Path

_DRAFT = ".part"


def replace_file(path: Path, text: str, encoding: str = "utf-8") -> None:
    """Write `text` as the file `path`, its line ends as they are; OSError where it cannot be, with the file as it was.

    The file keeps its mode, and a link to it stays a link. A pipe or a device is refused: a file is read again.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "it is no regular file", str(target))
    handle, draft = tempfile.mkstemp(prefix=f".{target.name}.", suffix=_DRAFT, dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding=encoding, newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).chmod(target.stat().st_mode & 0o777 if target.exists() else 0o644)
        Path(draft).replace(target)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def drafts_of(path: Path) -> list[Path]:
    """The drafts of a file that lie beside it: those being written, and those whose writer was killed."""
    target = path.resolve()
    return sorted(target.parent.glob(f".{glob.escape(target.name)}.*{_DRAFT}"))
