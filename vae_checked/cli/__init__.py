"""The command `vae-checked`: one file per command, and this register of them all."""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from vae_checked.errors import UsageError, VaeCheckedError
from vae_checked.text import did_you_mean, inert

# The modules are imported on use: a run needs one of them.
COMMANDS: dict[str, str] = {
    "lint": "find mistakes in source, notebooks included; nothing is executed and torch is not imported",
    "lsp": "serve an editor: the findings of lint as you type, what they mean, and their fixes",
    "audit": "run a model, measure what it does, and judge it; the model is left as it was",
    "shapes": "infer the symbolic shapes of models, lock them in a file, and say what differs from it",
    "explain": "say what a mistake is, why it matters and what to write instead, or what may be behind a symptom",
    "rules": "list the catalogue of mistakes, and who can see each",
    "doctor": "say which versions are installed, what works with them, and how to make the rest work",
    "completion": "print the script by which bash, zsh or tcsh completes commands, options, files and codes",
    "demo": "lint, audit and correct a VAE with three mistakes, then audit a model of a library",
}

FOUND_NOTHING, FOUND, FAILED, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141


class _Formatter(argparse.HelpFormatter):
    """The help of argparse, which would import `shutil` for the width alone, and at every start."""

    def __init__(self, prog: str) -> None:
        columns = os.environ.get("COLUMNS", "")
        try:
            width = int(columns) if columns.isdigit() else os.get_terminal_size().columns
        except OSError:
            width = 80
        super().__init__(prog, width=width - 2)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Text of several lines stays as it is written: examples."""
        return text if "\n" in text else super()._fill_text(text, width, indent)


class _Versions(argparse.Action):
    """`--version`: the version of vae-checked on the first line, then those of what it runs on."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from vae_checked.cli.doctor import all_versions

        sys.stdout.write("\n".join(all_versions()) + "\n")
        parser.exit()


class Parser(argparse.ArgumentParser):
    """An argument parser whose refusal is one line."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=_Formatter, **settings)
        # The innermost parser that read the words is the one that knows their options.
        self.set_defaults(parser=self)

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments in one line, with the status of a command that failed itself."""
        self.exit(FAILED, f"{self.prog}: error: {inert(message)} ({self.prog} --help lists what can be given)\n")

    def refuse_unknown(self, words: Sequence[str]) -> NoReturn:
        """Refuse what no argument takes, with the option that was meant."""
        option = next((word for word in words if word.startswith("--")), words[0]).partition("=")[0]
        self.error(f"unrecognized arguments: {option}{did_you_mean(option, self._option_string_actions)}")


def parser(commands: Sequence[str] = tuple(COMMANDS)) -> argparse.ArgumentParser:
    """The whole command line; the arguments of those `commands` only, since each costs the import of its module."""
    top = Parser(
        prog="vae-checked",
        description="Find the mistakes that VAE code makes in silence, in source and in live PyTorch models.",
        epilog="Exit status: 0 nothing found, 1 findings, 2 the command itself failed.",
    )
    top.add_argument(
        "--version", action=_Versions, nargs=0, help="show the versions of vae-checked and of what it runs on"
    )
    sub = top.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True, prog=top.prog)
    for name, purpose in COMMANDS.items():
        own = sub.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
        if name in commands:
            module = importlib.import_module(f"vae_checked.cli.{name}")
            module.add_arguments(own)
            if examples := getattr(module, "EXAMPLES", ()):
                own.epilog = "\n".join(["examples:", *(f"  {line}" for line in examples)])
            own.set_defaults(run=module.run)
    return top


def _no_command(word: str) -> str:
    """Why `word` is no command, and what was meant: a command that is near, or the path of what is to be linted."""
    meant = did_you_mean(word, COMMANDS)
    if not meant and os.path.exists(word):  # noqa: PTH110  pathlib costs a start more
        meant = f" (did you mean vae-checked lint {word}?)"
    return f"no command {word!r}{meant}: choose from {', '.join(COMMANDS)}"


def _run(chosen: argparse.Namespace, words: Sequence[str]) -> int:
    """Run the command that was chosen; a page for a browser names it."""
    if getattr(chosen, "format", None) != "html":
        return int(chosen.run(chosen))
    from vae_checked.html_page import made_by

    with made_by(["vae-checked", *words]):
        return int(chosen.run(chosen))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 nothing found, 1 findings, 2 the command itself failed."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if not words:
            from vae_checked.cli.welcome import welcome

            sys.stdout.write(welcome())
            return FAILED
        if not words[0].startswith("-") and words[0] not in COMMANDS:
            raise UsageError(_no_command(words[0]))
        chosen, rest = parser([word for word in words[:1] if word in COMMANDS]).parse_known_args(words)
        if rest:
            chosen.parser.refuse_unknown(rest)
        is_last = argv is None and chosen.command == "lint" and not chosen.confirm
        if is_last:
            # The process ends with this run: to look for what it holds no more takes longer than to leave it.
            gc.disable()
        status: int = _run(chosen, words)
        sys.stdout.flush()
        if is_last:
            gc.freeze()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else FOUND_NOTHING
    except VaeCheckedError as error:
        sys.stderr.write(f"vae-checked: error: {inert(str(error))}\n")
        return FAILED
    except KeyboardInterrupt:
        sys.stderr.write("vae-checked: interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:
        # Whatever reads the pipe has seen enough; Python would still flush, and complain, at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except Exception as error:
        # A defect must not end with Python's own status 1, which means findings.
        import traceback

        traceback.print_exc()
        sys.stderr.write(
            f"vae-checked: error: {type(error).__name__} inside vae-checked itself: please report the above\n"
        )
        return FAILED
    return status
