"""`vae-checked rules`: the catalogue at a glance."""

from __future__ import annotations

import argparse

from vae_checked.cli.options import write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `rules` takes."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help="form of the list (default: text)")


def run(args: argparse.Namespace) -> int:
    """List every mistake: code, name, severity, and the observers that see it."""
    from vae_checked.catalogue import CATALOGUE

    mistakes = sorted(CATALOGUE, key=lambda each: each.code)
    if args.format == "json":
        import json

        rules = [
            {
                "code": each.code,
                "name": each.name,
                "severity": str(each.severity),
                "summary": each.summary,
                "seen_by": sorted(each.seen_by),
                "needs": list(each.needs),
                "references": list(each.references),
            }
            for each in mistakes
        ]
        write(json.dumps({"format_version": 1, "rules": rules}, indent=2) + "\n")
        return 0
    rows = [("code", "name", "severity", "seen by")]
    for each in mistakes:
        observers = ", ".join(sorted(each.seen_by, reverse=True)) or "-"
        rows.append((each.code, each.name, str(each.severity), observers))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    write("\n".join(lines) + "\n")
    return 0
