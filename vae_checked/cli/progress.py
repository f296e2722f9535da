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

    On a terminal a bar appears on standard error once `PATIENCE` seconds have passed; it runs to and fro when the
    number of `steps` is not known, and is gone at the end. Without the package rich there is none.
    """
    bar = _bar() if sys.stderr.isatty() else None
    if bar is None:
        yield lambda words: None
        return
    task = bar.add_task(title, total=steps)
    begun = False

    def step(words: str) -> None:
        nonlocal begun
        bar.update(task, description=words, advance=1 if begun and steps else 0)
        begun = True

    timer = threading.Timer(PATIENCE, bar.start)
    timer.start()
    try:
        yield step
    finally:
        timer.cancel()
        timer.join()
        bar.stop()


def _bar() -> Progress | None:
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    except ModuleNotFoundError:
        return None
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=Console(stderr=True), transient=True
    )
