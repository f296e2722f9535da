"""Lint files of the given folders after random small changes: nothing may crash, hang or eat the memory.

Until COUNT changed files were read, a file is drawn, changed in one to three of the ways of tests/support/mutations.py,
and linted in a process that is killed when it takes too long or its peak memory passes the limit; what is no Python any
more is refused in one line and does not count. A change that makes trouble is kept in KEEP. Ends with status 1 after
any trouble. The seed is printed, and gives the same changes of the same files.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

from lint_everything import LIMIT, Worker, sources

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))
from mutations import MUTATIONS, mutated

MEGABYTES = 500


def worker(requests: Connection) -> None:
    """Lint one file after another in a process of bounded peak memory; each is answered by (kind, what was said)."""
    from lint_everything import linted

    while (path := requests.recv()) is not None:
        kind, said = linted(path)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        if not kind and peak > MEGABYTES:
            kind, said = "past the limit", f"{peak:.0f} MB"
        requests.send((kind, said))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=LIMIT, metavar="SECONDS", help=f"per file (default {LIMIT:g})")
    parser.add_argument("--keep", type=Path, help="a folder for the files that make trouble")
    args = parser.parse_args()
    files = [path for folder in args.folders for path in sources(folder.resolve(), []) if path.suffix == ".py"]
    files = [path for path in files if b"torch" in path.read_bytes()]
    if not files:
        parser.error("no Python file that names torch in these folders")
    chance = random.Random(args.seed)  # noqa: S311  mutations, no secret
    kinds: Counter[str] = Counter()
    slowest = (0.0, "")
    process = Worker(worker)
    with tempfile.TemporaryDirectory() as folder:
        while (turn := kinds.total()) - kinds["refused"] < args.count:
            path = chance.choice(files)
            ways = chance.choices(MUTATIONS, k=chance.choice((1, 1, 1, 2, 3)))
            data = mutated(path.read_text(encoding="utf-8", errors="replace"), ways, chance.getrandbits(32))
            changed = Path(folder, path.name)
            changed.write_bytes(data)
            started = time.perf_counter()
            kind, said = process.lint(changed, args.limit)
            slowest = max(slowest, (time.perf_counter() - started, str(path)))
            kinds[kind] += 1
            if kind in ("crash", "past the limit"):
                process.restart()
                print(f"{kind}: turn {turn}, {path}, {[way.__name__ for way in ways]}: {said.rstrip()}", flush=True)
                if args.keep:
                    args.keep.mkdir(parents=True, exist_ok=True)
                    (args.keep / f"{turn}-{path.name}").write_bytes(data)
            changed.unlink()
    process.close()
    print(f"{args.count} changed files, drawn from {len(files)} (seed {args.seed}): {kinds['crash']} crashes,")
    print(f"{kinds['past the limit']} past {args.limit:g} s or {MEGABYTES} MB;")
    print(f"{kinds['refused']} more refused in one line; slowest {slowest[0]:.1f} s ({slowest[1]})")
    return int(bool(kinds["crash"] or kinds["past the limit"]))


if __name__ == "__main__":
    sys.exit(main())
