"""`vae-checked explain CODE`: one mistake in full."""

from __future__ import annotations

import argparse

from vae_checked.cli.options import write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `explain` takes."""
    parser.add_argument("codes", nargs="+", metavar="CODE", help="a code or name, as in VAE201, 201 or kl-sign")


def run(args: argparse.Namespace) -> int:
    """Print the page of each mistake named."""
    from vae_checked.catalogue import find
    from vae_checked.cli.linked_laws import laws_broken_by
    from vae_checked.reports.page import text_page

    mistakes = [find(code) for code in args.codes]
    write("\n".join(text_page(each, laws_broken_by(each.code)) for each in mistakes))
    return 0
