"""The cells of a running notebook, as far as places in them are named."""

from __future__ import annotations

import re
import sys
from typing import Protocol

# How the cells of the session are named as a file; the number of a cell is that of its prompt.
NAME = "notebook.ipynb"
# What IPython calls the file of a cell where a terminal and no notebook sends it.
CELL = "<ipython-input-"


class Printer(Protocol):
    """What IPython hands to a value that is to show itself in a terminal."""

    def text(self, shown: str) -> None: ...


def prompt_of(path: str) -> int | None:
    """The number of the prompt whose cell is compiled as the file `path`; None where that is no cell of a session."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    named = shell.compile.format_code_name(path) if shell is not None else None
    found = re.fullmatch(r"In\[(\d+)\]", named[1]) if named else None
    return int(found[1]) if found else None
