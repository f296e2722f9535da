"""`vae-checked lint`: mistakes in source."""

from __future__ import annotations

import argparse
import sys

from vae_checked.cli.configured import config_for, lint_options
from vae_checked.cli.options import add_report_options, emit
from vae_checked.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `lint` takes."""
    parser.add_argument("paths", nargs="*", default=["."], metavar="PATH", help="files and folders (default: .)")
    add_report_options(parser)
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--fix", action="store_true", help="mend what has one right answer, then report the rest")
    change.add_argument("--diff", action="store_true", help="show what --fix would change, and write nothing")
    parser.add_argument(
        "--exclude",
        metavar="PATTERN",
        action="append",
        default=[],
        help="leave out below folders, as a .gitignore would",
    )
    parser.add_argument("--force-exclude", action="store_true", help="leave it out where it is named itself, too")
    parser.add_argument("--config", metavar="FILE", help="pyproject.toml to use (default: the nearest above PATH)")


def run(args: argparse.Namespace) -> int:
    """Lint the paths; 2 when a file named on the command line could not be read."""
    options = lint_options(config_for(args.paths, args.config), args)
    if args.fix or args.diff:
        from vae_checked.linter.mend import mend, write

        mended = mend(args.paths, options=options)
        if args.diff:
            sys.stdout.write("".join(each.diff for each in mended))
            return 0 if args.exit_zero or not mended else 1
        for each in mended:
            write(each)
    from vae_checked.linter import lint

    report = lint(args.paths, options=options)
    status = emit(report, args)
    refused = [f"{path}: {reason}" for path, reason in report.unread if path in args.paths]
    if refused:
        raise UsageError("; ".join(refused))
    return status
