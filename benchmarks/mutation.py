"""Which small changes to laws, reference, contracts and judges the tests notice: a sample of mutmut's mutants.

    python benchmarks/mutation.py [--sample 300] [--seed 0]

mutmut takes its configuration from pyproject.toml and works in `mutants/`. All mutants take hours: a sample with a
fixed seed is drawn over all rooms alike, and how many of how many are killed is printed by room, with the names of
those that survive.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MUTMUT = [sys.executable, "-m", "mutmut"]
# What mutmut's exit status of a mutant says; others are those of a process that was stopped.
WORDS = {0: "survived", 1: "killed", 3: "killed", 5: "untested", 33: "untested", None: "not run"}


def results() -> dict[str, int | None]:
    """The status of every mutant by name, None for those that were not run."""
    found: dict[str, int | None] = {}
    for meta in sorted((ROOT / "mutants").rglob("*.py.meta")):
        found |= json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
    return found


def room(mutant: str) -> str:
    return mutant.split(".")[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sample", type=int, default=300, help="how many mutants (default: 300)")
    parser.add_argument("--seed", type=int, default=0, help="which ones (default: 0)")
    parser.add_argument("--children", type=int, default=2, help="how many at once (default: 2)")
    args = parser.parse_args()
    children = ["--max-children", str(args.children)]
    # The first run writes all mutants and notes which test runs which function.
    subprocess.run([*MUTMUT, "run", *children, "vae_checked.laws.law.*"], cwd=ROOT, check=False)
    # A law's own mutant is meant to be broken: breaking it otherwise is no fault.
    every = sorted(name for name in results() if ".x_mutant__" not in name)
    chosen = sorted(random.Random(args.seed).sample(every, min(args.sample, len(every))))  # noqa: S311  no secret
    subprocess.run([*MUTMUT, "run", *children, *chosen], cwd=ROOT, check=False)
    status = results()
    by_room: dict[str, Counter[str]] = {}
    for name in chosen:
        by_room.setdefault(room(name), Counter())[WORDS.get(status[name], "out of time")] += 1
    print(f"\n{len(chosen)} of {len(every)} mutants, seed {args.seed}")
    for name, counts in sorted(by_room.items()):
        print(f"{name:12} {', '.join(f'{count} {word}' for word, count in sorted(counts.items()))}")
    for name in chosen:
        if (word := WORDS.get(status[name])) in ("survived", "untested"):
            print(f"{word}: {name}")


if __name__ == "__main__":
    main()
