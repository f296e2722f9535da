"""Reads and writes the lock file: a regular file, whole or not at all, one writer at a time."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from vae_checked.errors import UsageError
from vae_checked.regular_files import MOST_WRITTEN, content
from vae_checked.shapes.disk import drafts_of, replace_file
from vae_checked.shapes.lock import DamagedLockError, Lock, LockedModel
from vae_checked.shapes.lock_text import ANEW, parse_lock, render_lock

LOCK_NAME = "vae-shapes.lock"
# For how many seconds a writer waits for another one.
PATIENCE = 30.0


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
        raise DamagedLockError(f"{path}:{line}: damaged: it is not UTF-8", ANEW) from None
    return parse_lock(text, str(path))


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
