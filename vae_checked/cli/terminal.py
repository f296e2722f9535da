"""What standard output can show: how many columns, and whether in colours."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vae_checked.reports.look import Look

_LEAST, _MOST = 40, 120


def look_of_output() -> Look:
    """Colours on a terminal alone, unless NO_COLOR or FORCE_COLOR say otherwise; its width, or that of COLUMNS.

    What goes into a pipe is neither painted nor wrapped: a finding begins with one line that another program can read.
    """
    from vae_checked.reports.look import Look

    screen = sys.stdout.isatty()
    return Look(_width(screen), _colour(screen))


def _colour(screen: bool) -> bool:
    # https://no-color.org and https://force-color.org: any text but the empty one counts.
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return os.environ["FORCE_COLOR"] != "0"
    return screen and os.environ.get("TERM") != "dumb"


def _width(screen: bool) -> int | None:
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return max(_LEAST, min(int(given), _MOST))
    if not screen:
        return None
    try:
        columns = os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        columns = 80
    # A terminal that does not know its size says 0.
    return max(_LEAST, min(columns or 80, _MOST))
