"""A bar on a terminal for runs that pass a second; nothing in a pipe."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE = 1.0
Announce = Callable[[str], None]


@contextmanager
def progress(title: str, steps: int | None = None) -> Iterator[Announce]:
    """Yield a function to be called with a few words as each step begins.

    On a terminal a bar appears on standard error once `PATIENCE` seconds have passed; it moves back and forth when the
    number of `steps` is not known, else it says how much time is left, and it is gone at the end. Without the package
    rich there is none.
    """
    if not sys.stderr.isatty():
        yield lambda words: None
        return
    shown = _Shown(title, steps)
    timer = threading.Timer(PATIENCE, shown.start)
    timer.daemon = True
    timer.start()
    try:
        yield shown.step
    finally:
        timer.cancel()
        timer.join()
        shown.stop()


class _Shown:
    """A bar that is made where it is shown: a run that is over in time does not import what draws it."""

    def __init__(self, title: str, steps: int | None) -> None:
        self.words, self.steps, self.done = title, steps, -1
        self.bar: Progress | None = None
        self.lock = threading.Lock()

    def start(self) -> None:
        bar = _bar(known=self.steps is not None)
        if bar is None:
            return
        with self.lock:
            bar.add_task(self.words, total=self.steps, completed=max(self.done, 0))
            bar.start()
            self.bar = bar

    def step(self, words: str) -> None:
        with self.lock:
            self.words, self.done = words, self.done + 1
            if self.bar is not None:
                self.bar.update(self.bar.task_ids[0], description=words, completed=self.done if self.steps else None)

    def stop(self) -> None:
        if self.bar is not None:
            self.bar.stop()


def _bar(*, known: bool) -> Progress | None:
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    except ModuleNotFoundError:
        return None
    # The time that is left is shown where it can be known, else the time that has passed.
    time = TimeRemainingColumn() if known else TimeElapsedColumn()
    return Progress(TextColumn("{task.description}"), BarColumn(), time, console=Console(stderr=True), transient=True)
