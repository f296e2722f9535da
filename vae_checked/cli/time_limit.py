"""An end for what a user's code may never come to: by an alarm where Python still runs, else by leaving the process."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from vae_checked.errors import ModelError, UsageError

_AGAIN = 2.0
"""Seconds after which the alarm rings again, for code that passed over it."""
_GRACE = 10.0
"""Seconds that Python has to come to the alarm; a call into C that never returns does not."""
_FAILED = 2


class _OutOfTimeError(BaseException):
    """Passes through code that handles every Exception."""


@contextmanager
def time_limit(seconds: float | None, what: str) -> Iterator[None]:
    """ModelError where the block has not ended after so many seconds, with the line that it was at.

    What the block must put back it can still put back. Where it does not end even then, the process is left with
    status 2. What it ends with once the time is over, an error of its own or none, does not count. Only for the main
    thread. Raises UsageError for what is no time.
    """
    if seconds is None:
        yield
        return
    if not 0 < seconds < threading.TIMEOUT_MAX:
        raise UsageError(f"--timeout is {seconds:g}: give a number of seconds above 0")
    at: list[str] = []

    def ring(number: int, frame: FrameType | None) -> None:
        at.append(_place(frame))
        raise _OutOfTimeError

    def leave() -> None:
        where = at[0] if at else _place(sys._current_frames().get(threading.main_thread().ident or 0))
        sys.stderr.write(f"vae-checked: error: {_words(what, seconds, where)}\n")
        sys.stderr.flush()
        os._exit(_FAILED)

    alarm = hasattr(signal, "setitimer")
    last = threading.Timer(seconds + (_GRACE if alarm else 0.0), leave)
    last.daemon = True
    last.start()
    before = signal.signal(signal.SIGALRM, ring) if alarm else None
    try:
        if alarm:
            signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
        yield
    except (_OutOfTimeError, Exception):  # C code and handlers make other errors of the one that ends them
        if not at:
            raise
    finally:
        if alarm:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, before)
        last.cancel()
    if at:
        raise ModelError(_words(what, seconds, at[0]))


def _words(what: str, seconds: float, where: str) -> str:
    remedy = "correct that, give a smaller --input, or more --timeout"
    return f"{what} did not end in {seconds:g} s, and was at {where}: {remedy}"


def _place(frame: FrameType | None) -> str:
    """The nearest line outside this package, torch and Python's own library, or else the innermost one."""
    inner = frame
    own = [sys.modules[name].__file__ for name in ("vae_checked", "torch", "os") if name in sys.modules]
    libraries = tuple(str(Path(file).parent) for file in own if file is not None)
    while frame is not None and frame.f_code.co_filename.startswith((*libraries, "<")):
        frame = frame.f_back
    found = frame or inner
    return "an unknown line" if found is None else f"{Path(found.f_code.co_filename).name}:{found.f_lineno}"
