"""`vae-checked lsp`: the findings in an editor."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `lsp` takes."""
    parser.add_argument(
        "--stdio", action="store_true", help="communicate over standard input and output, which is the default"
    )


def run(args: argparse.Namespace) -> int:
    """Serve one client until it says exit."""
    from importlib.util import find_spec

    from vae_checked.errors import MissingDependencyError

    if find_spec("pygls") is None:
        raise MissingDependencyError("pygls", "lsp", "the language server")
    from vae_checked.lsp import server

    # The server closes what it writes to; whatever else is printed must not come between its messages.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as out, contextlib.redirect_stdout(sys.stderr):
        server().start_io(stdout=out)
    return 0
