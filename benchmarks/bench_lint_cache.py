"""What the linter's cache and its processes are worth: repositories of the catalogue's modules, linted in one run.

Processor time of the whole command for the cache, medians of several runs; elapsed time for the processes, which only
a machine with idle cores shows.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from vae_checked.catalogue import CATALOGUE

REPOSITORIES = 3
RUNS = 3
ROOT = Path(__file__).resolve().parent.parent


def lint(folder: Path, *words: str) -> tuple[float, float]:
    """Processor and elapsed seconds of one `vae-checked lint`."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "vae_checked", "lint", "--exit-zero", "--format", "json", *words, str(folder)]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.perf_counter() - begun


def median(folder: Path, which: int, *words: str) -> float:
    return statistics.median(lint(folder, *words)[which] for _ in range(RUNS))


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        source, kept = Path(name, "source"), Path(name, "kept")
        for number in range(REPOSITORIES):
            repository = source / f"repository{number}"
            (repository / ".git").mkdir(parents=True)
            for mistake in CATALOGUE:
                (repository / f"{mistake.code}.py").write_text(mistake.bad, encoding="utf-8")
        words = ("--cache-dir", str(kept))
        without = median(source, 0, "--no-cache")
        first = lint(source, *words)[0]
        again = median(source, 0, *words)
        alone, together = (median(source, 1, "--no-cache", "--jobs", jobs) for jobs in ("1", "2"))
    print(f"{REPOSITORIES} repositories of {len(CATALOGUE)} files each")
    print(f"processor time without a cache                 1.00 ({without:.2f} s)")
    print(f"the first run with one, which writes it        {first / without:.2f}")
    print(f"the next, which reads it                       {again / without:.2f}")
    print(f"elapsed time of two processes against one      {together / alone:.2f}")


if __name__ == "__main__":
    main()
