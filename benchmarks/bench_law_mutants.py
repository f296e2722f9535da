"""Whether every law notices its own mutant: 20 seeds, Hypothesis' default 100 examples, sizes and variants as in tests.

For each law: how many of the seeds caught it, and after how many examples, median and most. Exits with 1 when a seed
did not.
"""

from __future__ import annotations

import random
import statistics
import sys
from pathlib import Path

import torch
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.errors import NoSuchExample

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "laws"))
from test_laws import cases, check

from vae_checked.laws import LAWS, Law

SEEDS, EXAMPLES = 20, 100
SEARCH = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def examples_until_caught(law: Law, seed: int) -> int | None:
    """How many examples it took, None when all of them passed."""
    tried, caught = 0, False

    def broken(case: object) -> bool:
        nonlocal tried, caught
        if not caught:  # Hypothesis runs a failing example again
            tried += 1
        caught = check(law, case, mutated=True) is not None  # type: ignore[arg-type]  what `cases` draws
        return caught

    try:
        find(cases(), broken, settings=SEARCH, random=random.Random(seed))  # noqa: S311  no secret hangs on it
    except NoSuchExample:
        return None
    return tried


def main() -> int:
    torch.set_num_threads(1)
    print(f"{len(LAWS)} laws, {SEEDS} seeds, at most {EXAMPLES} examples")
    missed = 0
    for law in LAWS:
        took = [examples_until_caught(law, seed) for seed in range(SEEDS)]
        caught = [count for count in took if count is not None]
        missed += SEEDS - len(caught)
        spread = f"examples: median {statistics.median(caught):g}, most {max(caught)}" if caught else ""
        print(f"{law.name:30} caught by {len(caught):2} of {SEEDS}  {spread}", flush=True)
    print(f"{missed} of {len(LAWS) * SEEDS} missed")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
