"""`vae-checked completion SHELL`: the script by which a shell completes commands, options, files and codes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from vae_checked.cli.options import write
from vae_checked.errors import MissingDependencyError

SHELLS = ("bash", "zsh", "tcsh")
# How arguments that take files and folders are called in the help.
_FILES = {"FILE", "PATH", "OLD", "NEW"}
_FOLDERS = {"FOLDER"}

EXAMPLES = (
    'vae-checked completion bash              # in ~/.bashrc: eval "$(vae-checked completion bash)"',
    "vae-checked completion zsh               # its output is the file _vae-checked in a folder of $fpath",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `completion` takes."""
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=f"one of {', '.join(SHELLS)}")


def run(args: argparse.Namespace) -> int:
    """Print the script; MissingDependencyError without the package that makes it."""
    write(script(args.shell))
    return 0


def script(shell: str) -> str:
    """The script for one of SHELLS."""
    try:
        import shtab
    except ModuleNotFoundError:
        raise MissingDependencyError("shtab", "terminal", "vae-checked completion") from None
    from vae_checked.catalogue import CATALOGUE
    from vae_checked.cli import parser

    top = parser()
    for action in _actions(top):
        if action.metavar in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # shtab's own attribute
        elif action.metavar in _FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]  # likewise
        elif action.metavar in ("CODES", "WHAT"):
            # This parser only describes what there is: it refuses nothing.
            action.choices = [each.code for each in CATALOGUE]
    made: str = shtab.complete(top, shell)
    return made


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _actions(below)
