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
    width = max(len(each.name) for each in mistakes)
    lines = [
        f"{each.code}  {each.name:{width}}  {each.severity:7}  {', '.join(sorted(each.seen_by, reverse=True)) or '-'}"
        for each in mistakes
    ]
    write("\n".join([f"{'code':6}  {'name':{width}}  {'':7}  seen by", *lines]) + "\n")
    return 0
