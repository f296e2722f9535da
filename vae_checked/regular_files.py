"""Files that are read whole: regular ones of bounded size, whatever lies in their place."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from vae_checked.errors import UsageError

# What is read of a file by which somebody says what is wanted: a configuration, a list of rules.
MOST_CONFIGURED = 4_000_000
# What is read of a file that this tool wrote.
MOST_WRITTEN = 64_000_000


def content(path: str | Path, most: int) -> bytes:
    """The bytes of a regular file, or of one that links lead to.

    Raises OSError where there is none, for a pipe, a device or a folder, which are not waited for, and for a file of
    more than `most` bytes.
    """
    # A pipe would keep whoever opens it waiting until somebody writes into it.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        with os.fdopen(handle, "rb", closefd=False) as stream:
            data = stream.read(most + 1)
    finally:
        os.close(handle)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"larger than the {most} bytes that are read")
    return data


def write_baseline(file: Path, text: str) -> None:
    """Put what is known into a file, whole or not at all; UsageError when it cannot be written."""
    target = file.resolve()
    if target.exists() and not target.is_file():
        raise UsageError(f"{file}: a baseline is read again: give a regular file, not a pipe, device or folder")
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        draft.write_text(text, encoding="utf-8", errors="backslashreplace")
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UsageError(f"the baseline cannot be written to {str(file)!r}: {error.strerror}") from None
