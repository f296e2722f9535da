"""Runs what the pages show: their console blocks, and their Python.

A Python block below `<!-- file: NAME -->` is a file that the commands below it find. Every other Python block is run,
in order, in one namespace per page, and a `text` block straight below it holds what it printed. In a `console` block
the lines below `$ vae-checked ...` are what the command printed. Blocks of other kinds (`sh`, `toml` without a file)
are for reading.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

BLOCK = re.compile(
    r"(?:<!-- file: (?P<file>[\w./-]+) -->\n+)?^```(?P<kind>\w+)\n(?P<body>.*?)^```\n"
    r"(?:\n*^```text\n(?P<printed>.*?)^```\n)?",
    re.DOTALL | re.MULTILINE,
)
# The terminal of the pages: what fits beside the menu of a repository's page, without colours.
_TERMINAL = {"COLUMNS": "88", "NO_COLOR": "1"}
SECONDS = re.compile(r"\b\d+\.\d s\b")


def same(left: str, right: str) -> bool:
    """Whether two texts are the same but for times."""
    return SECONDS.sub("# s", left) == SECONDS.sub("# s", right)


def page(text: str) -> str:
    """`text` with what its commands and its Python print now, except where only a time has changed."""
    with tempfile.TemporaryDirectory() as name, _inside(Path(name)):
        namespace: dict[str, Any] = {"__name__": "example"}
        made = BLOCK.sub(lambda block: _shown(block, namespace), text)
    return text if same(made, text) else made


def _shown(block: re.Match[str], namespace: dict[str, Any]) -> str:
    whole = block[0]
    if block["file"]:
        Path(block["file"]).write_text(block["body"], encoding="utf-8")
    if block["kind"] == "console":
        commands = [line for line in block["body"].splitlines() if line.startswith("$ ")]
        body = "\n".join(f"{command}\n{_command(command)}" for command in commands)
        return whole.replace(block["body"], body)
    if block["kind"] == "python" and not block["file"]:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block["body"], "example.py", "exec"), namespace)  # noqa: S102  the page's own example
        if block["printed"] is not None:
            return whole.replace(f"```text\n{block['printed']}", f"```text\n{printed.getvalue()}")
        if printed.getvalue():
            raise ValueError(f"an example prints {printed.getvalue()!r}, and no text block below it shows that")
    return whole


def _command(line: str) -> str:
    from vae_checked.cli import main  # noqa: PLC0415  beside its one use

    words = shlex.split(line.removeprefix("$ "))
    if words[0] != "vae-checked":
        raise ValueError(f"{line!r} is not a command of vae-checked: show it in a block of kind sh")
    printed = io.StringIO()
    with (
        patch.dict(os.environ, _TERMINAL),
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
    ):
        main(words[1:])
    return printed.getvalue()


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            if str(getattr(sys.modules[name], "__file__", None)).startswith(str(folder) + os.sep):
                del sys.modules[name]
