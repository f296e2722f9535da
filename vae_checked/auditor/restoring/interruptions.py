"""Signals, held back while something must be done whole.

Python runs the handler of a signal between two steps of the main thread, wherever that is: in the middle of putting a
model back as well. A handler in front of the one that is there looks where it was called from.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from types import CodeType, FrameType
from typing import Any

_SAME = 1.0
"""Seconds within which a second interruption is taken for the first: that one is still on its way out."""


class Interruptions:
    """Stands before every handler of a signal that is written in Python, until `release()`.

    A signal that comes while one of the functions of `whole` runs waits for `let_go()`. Another that comes in the
    second after one was let through, while that one leads out, is part of it: the way out puts things back as well.
    In other threads than the main one, which alone sees signals, there is nothing to do.
    """

    place = "the handlers of signals"

    def __init__(self, whole: frozenset[CodeType]) -> None:
        self._whole = whole
        self._found: dict[int, Any] = {}
        self._waiting: dict[int, None] = {}
        self._let_through: float | None = None
        self._released = False

    def hold(self) -> None:
        """Note the handlers that are there, once, and stand before them, again where others took the place."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in signal.valid_signals():
            handler = signal.getsignal(number)
            found = self._found.setdefault(number, handler)
            if _is_written(found) and handler != self._on_signal:
                signal.signal(number, self._on_signal)

    def anew(self) -> None:
        """Stand before the handlers that were found, and put the others of these back, where others took the place."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number, found in self._found.items():
            wanted = self._on_signal if _is_written(found) else found
            if wanted is not None and signal.getsignal(number) != wanted:
                signal.signal(number, wanted)

    def release(self) -> None:
        """Give every signal the handler that it had."""
        self._released = True  # one that comes meanwhile goes through
        for number, found in self._found.items():
            now = signal.getsignal(number)
            if now is not found and found is not None:
                signal.signal(number, found)

    def let_go(self, *, leading_out: bool = False) -> None:
        """Let through what waited; with `leading_out`, an interruption is on its way, and what waited is part of it."""
        waiting, self._waiting = list(self._waiting), {}
        for number in waiting:
            if not (leading_out and self._let_through is not None):
                self._found[number](number, sys._getframe(2))  # as if it came right after the function that ran whole

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        recent = self._let_through is not None and now - self._let_through < _SAME
        if not self._released and (recent or self._is_whole(frame)):
            self._waiting[number] = None
            return
        self._let_through = now
        self._found[number](number, frame)

    def _is_whole(self, frame: FrameType | None) -> bool:
        while frame is not None:
            if frame.f_code in self._whole:
                return True
            frame = frame.f_back
        return False


def _is_written(handler: Any) -> bool:
    """Whether a handler is a function of Python's, not one of the two that the system has."""
    return callable(handler) and not isinstance(handler, signal.Handlers)
