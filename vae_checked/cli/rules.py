"""`vae-checked rules`: the catalogue at a glance."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from vae_checked.cli.options import codes, write

if TYPE_CHECKING:
    from vae_checked.catalogue import Mistake


EXAMPLES = ("vae-checked rules", "vae-checked rules VAE3 VAE5 --severity error", "vae-checked rules --format json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `rules` takes."""
    from vae_checked.finding import Severity

    parser.add_argument(
        "codes", nargs="*", metavar="CODES", help="only these, as in VAE2, 301 or kl-sign (default: all there are)"
    )
    parser.add_argument("--severity", choices=tuple(map(str, Severity)), help="only those of this severity")
    parser.add_argument("--seen-by", choices=("lint", "audit"), help="only those that this command sees")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="form of the list (default: text)")


def run(args: argparse.Namespace) -> int:
    """List the mistakes asked for: code, name, severity, the observers that see it, and what it is."""
    from vae_checked.catalogue import CATALOGUE

    wanted = codes(args.codes)
    mistakes = [
        each
        for each in sorted(CATALOGUE, key=lambda each: each.code)
        if (not wanted or each.code in wanted)
        and args.severity in (None, str(each.severity))
        and (args.seen_by is None or args.seen_by in each.seen_by)
    ]
    write(_document(mistakes) if args.format == "json" else _listing(mistakes))
    return 0


def _document(mistakes: list[Mistake]) -> str:
    import json

    rules = [
        {
            "code": each.code,
            "name": each.name,
            "severity": str(each.severity),
            "summary": each.summary,
            "seen_by": sorted(each.seen_by),
            "needs": list(each.needs),
            "symptoms": list(each.symptoms),
            "references": list(each.references),
        }
        for each in mistakes
    ]
    return json.dumps({"format_version": 1, "rules": rules}, indent=2) + "\n"


def _listing(mistakes: list[Mistake]) -> str:
    from vae_checked.cli.terminal import look_of_output
    from vae_checked.reports.look import Look
    from vae_checked.text import counted

    look = look_of_output()
    plain = Look(look.width or 80)
    observers = [", ".join(sorted(each.seen_by, reverse=True)) for each in mistakes]
    rows = [(each.code, each.name, str(each.severity), by) for each, by in zip(mistakes, observers, strict=True)]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    lines = []
    for row, each in zip(rows, mistakes, strict=True):
        lines.append("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
        lines += plain.wrap(f"    {each.summary}", indent=0)
    return "\n".join([*lines, f"{counted(len(mistakes), 'mistake')}; vae-checked explain CODE says more of one"]) + "\n"
