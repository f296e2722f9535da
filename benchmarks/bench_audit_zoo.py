"""Audits of real autoencoders with nothing but an input specification: recognised or not, findings, seconds.

Each model in a process of its own, with random weights from a small configuration (benchmarks/zoo.py). With
`--wild FOLDER` also models of public repositories (benchmarks/zoo_wild.py says which commit of which, and how each is
built), checked out at FOLDER/OWNER__NAME/COMMIT; their code is executed.

    python benchmarks/bench_audit_zoo.py [WORD ...] [--seeds 1] [--timeout 300] [--wild FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from typing import Any

import zoo
import zoo_wild


def measured(name: str, seeds: int, wild: str) -> dict[str, Any]:
    """The audits of one model, built `seeds` times with other weights; the first one's report in full."""
    warnings.simplefilter("ignore")
    import torch

    from vae_checked.auditor import audit

    torch.set_num_threads(1)
    row: dict[str, Any] = {"name": name, "codes": [], "seconds": []}
    for seed in range(seeds):
        try:
            model, inputs, data_range = build(name, seed, wild)
        except Exception as error:
            return row | {"not_built": said(error)}
        begun = time.perf_counter()
        try:
            report = audit(model, inputs, data_range=data_range, seed=seed, name=name)
        except Exception as error:
            return row | {"refused": said(error)}
        row["seconds"].append(time.perf_counter() - begun)
        row["codes"].append([finding.code for finding in report.findings])
        if not seed:
            row["findings"] = [f"{each.code} {each.message} [{each.evidence}]" for each in report.findings]
            row["recognised"], row["unobserved"] = list(report.recognised), list(report.unobserved)
            row["sampler"] = any(facts.sampler.std is not None for facts in report.facts)
            row["kl"] = any(facts.kl.form is not None for facts in report.facts)
            row["recon"] = any(facts.recon.kind is not None for facts in report.facts)
    return row


def build(name: str, seed: int, wild: str) -> tuple[Any, Any, tuple[float, float] | None]:
    """The model of that name, its input and its data's range."""
    for model in zoo.GAUSSIAN:
        if model.name == name:
            return model.build(seed), model.spec, model.data_range
    recipe = next(recipe for recipe in zoo_wild.RECIPES if recipe.name == name)
    return recipe.build(wild, seed), recipe.inputs(), None


def said(error: Exception) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:150]}"


def shown(row: dict[str, Any]) -> str:
    """One line of the table."""
    for reason in ("not_built", "refused", "broken"):
        if reason in row:
            return f"{row['name']:44} {reason.replace('_', ' ')}: {row[reason]}"
    runs = [" ".join(codes) or "-" for codes in row["codes"]]
    told = runs[0] if len(set(runs)) == 1 else " | ".join(sorted(set(runs)))
    seen = " ".join(f"{word:7}" if row[word] else f"{'-':7}" for word in ("sampler", "kl", "recon"))
    return f"{row['name']:44} {seen} {sorted(row['seconds'])[len(row['seconds']) // 2]:7.1f}  {told}"


def main() -> None:
    """Audit every model in a process of its own and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=300)
    parser.add_argument("--wild", default="", metavar="FOLDER")
    parser.add_argument("--verbose", action="store_true", help="print each finding and what was not observed")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(measured(args.child, args.seeds, args.wild)))
        return
    names = [model.name for model in zoo.named(args.words)]
    if args.wild:
        names += [recipe.name for recipe in zoo_wild.RECIPES if not args.words or recipe.name in args.words]
    print(f"{'model':44} {'recognised':23} {'seconds':>7}  findings", flush=True)
    rows = []
    for name in names:
        words = [sys.executable, __file__, "--child", name, "--seeds", str(args.seeds), "--wild", args.wild]
        try:
            done = subprocess.run(
                words,
                capture_output=True,
                text=True,
                check=False,
                timeout=args.timeout,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )
            lines = done.stdout.strip().splitlines() or [""]
            row = json.loads(lines[-1]) if lines[-1].startswith("{") else {"name": name, "broken": done.stderr[-200:]}
        except subprocess.TimeoutExpired:
            row = {"name": name, "broken": f"not done in {args.timeout:.0f} s"}
        rows.append(row)
        print(shown(row), flush=True)
        if args.verbose:
            for word in ("findings", "unobserved"):
                for line in row.get(word, []):
                    print(f"      {word}: {line[:260]}", flush=True)
    # What its own forward refuses at these sizes does not run.
    ran = [row for row in rows if "not_built" not in row and " raised " not in row.get("refused", "")]
    recognised = [row for row in ran if row.get("sampler")]
    print(f"\n{len(recognised)} of {len(ran)} models that run recognised; {len(rows) - len(ran)} do not run", end="; ")
    print(f"{sum(any(row['codes']) for row in ran if row.get('codes'))} with findings")


if __name__ == "__main__":
    main()
