"""`vae-checked lint`: mistakes in source."""

from __future__ import annotations

import argparse

from vae_checked.cli.options import add_report_options, codes, emit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `lint` takes."""
    parser.add_argument("paths", nargs="*", default=["."], metavar="PATH", help="files and folders (default: .)")
    add_report_options(parser)


def run(args: argparse.Namespace) -> int:
    """Lint the paths; 2 when a file named on the command line could not be read."""
    select, ignore = codes(args.select), codes(args.ignore)
    from vae_checked.linter import lint

    report = lint(args.paths, select=select, ignore=ignore)
    status = emit(report, args)
    refused = [f"{path}: {reason}" for path, reason in report.unread if path in args.paths]
    if refused:
        from vae_checked.errors import UsageError

        raise UsageError("; ".join(refused))
    return status
