"""Lint the standard library, the installed packages and any folder given: nothing may crash, hang or eat the memory.

Every tree is read twice. File by file, in a process of their own that is killed when a file takes too long: this names
the file that crashes or hangs. And whole, by the command, where files are linked with each other: time and peak memory
are of that run. Every finding is printed, to be read. Ends with status 1 after a crash or a file past the limit.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

LIMIT = 20.0


@dataclass
class Tree:
    """What linting one tree showed; `troubles` are (kind, file, what was said)."""

    path: Path
    files: int = 0
    slowest: tuple[float, Path | None] = (0.0, None)
    troubles: list[tuple[str, Path, str]] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    seconds: float = 0.0
    megabytes: float = 0.0
    summary: str = ""

    @property
    def kinds(self) -> Counter[str]:
        return Counter(kind for kind, _, _ in self.troubles)


def linted(path: Path) -> tuple[str, str]:
    """What came of linting one file: the kind of trouble, if any, and what was said."""
    from vae_checked.errors import UsageError
    from vae_checked.linter import lint

    try:
        lint([path])
    except UsageError as error:
        return "refused", str(error)
    except BaseException:
        return "crash", traceback.format_exc()
    return "", ""


def worker(requests: Connection) -> None:
    """Lint one file after another; each is answered by (kind, what was said)."""
    while (path := requests.recv()) is not None:
        requests.send(linted(path))


class Worker:
    """A process that runs `target` to lint files, started anew when it had to be ended."""

    def __init__(self, target: Callable[[Connection], None] = worker) -> None:
        self._target = target
        self._start()

    def _start(self) -> None:
        self.end, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("spawn").Process(target=self._target, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()

    def lint(self, path: Path, limit: float) -> tuple[str, str]:
        self.end.send(path)
        try:
            if self.end.poll(limit):
                kind, said = self.end.recv()
                return kind, said
            answer = ("past the limit", f"more than {limit:g} s")
        except EOFError:
            self.process.join()
            answer = ("crash", f"the process ended with status {self.process.exitcode}")
        self.restart()
        return answer

    def restart(self) -> None:
        """Begin again with a new process."""
        self.process.kill()
        self.process.join()
        self._start()

    def close(self) -> None:
        self.end.send(None)
        self.process.join()


def sources(root: Path, without: list[Path]) -> list[Path]:
    """Every .py file and notebook below `root`, and not below `without`, whatever a .gitignore says."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if Path(folder, name) not in without]
        found += [Path(folder, name) for name in names if name.endswith((".py", ".ipynb"))]
    return sorted(path for path in found if path.is_file())


def one_by_one(tree: Tree, without: list[Path], limit: float) -> None:
    process = Worker()
    for path in sources(tree.path, without):
        started = time.perf_counter()
        kind, said = process.lint(path, limit)
        tree.slowest = max(tree.slowest, (time.perf_counter() - started, path), key=lambda pair: pair[0])
        tree.files += 1
        if kind:
            tree.troubles.append((kind, path, said))
            print(f"  {kind}: {path}: {said.rstrip()}", flush=True)
    process.close()


def at_once(tree: Tree, without: list[Path]) -> None:
    """The command on the whole tree, or on what is directly below it where a part is left out."""
    paths = [tree.path]
    if without:
        paths = sorted(path for path in tree.path.iterdir() if path not in without)
        paths = [path for path in paths if path.is_dir() or path.suffix == ".py"]
    words = [sys.executable, "-m", "vae_checked", "lint", "--no-cache", "--exit-zero", *map(str, paths)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        process = subprocess.Popen(words, stdout=out, stderr=err)
        # wait4 tells the peak of this one process.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        tree.seconds, tree.megabytes = time.perf_counter() - started, usage.ru_maxrss / 1024
        out.seek(0)
        err.seek(0)
        said = err.read().decode(errors="replace")
        if process.returncode or "Traceback" in said:
            tree.troubles.append(("crash", tree.path, said))
            print(f"  status {process.returncode}: {tree.path}: {said.rstrip()}", flush=True)
            return
        lines = out.read().decode(errors="replace").splitlines()
    tree.findings = [line for line in lines if re.match(r"\S.*:\d+:\d+: VAE\d+ ", line)]
    tree.summary = next(line for line in reversed(lines) if " read, " in line)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="further trees")
    parser.add_argument("--only", action="store_true", help="leave out the standard library and the installed packages")
    parser.add_argument("--limit", type=float, default=LIMIT, metavar="SECONDS", help=f"per file (default {LIMIT:g})")
    args = parser.parse_args()
    library, packages = (Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib"))
    inside = [library / "site-packages", library / "dist-packages"]
    trees = [] if args.only else [(library, inside), (packages, [])]
    trees += [(folder.resolve(), []) for folder in args.folders]
    seen = []
    for root, without in trees:
        tree = Tree(root)
        print(f"{root}:", flush=True)
        one_by_one(tree, without, args.limit)
        at_once(tree, without)
        seen.append(tree)
        kinds = tree.kinds
        took, slowest = tree.slowest
        print(f"  {tree.files} files one by one: {kinds['crash']} crashes, {kinds['refused']} refused in one line,")
        print(f"  {kinds['past the limit']} past {args.limit:g} s; slowest {took:.1f} s ({slowest})")
        print(f"  in one run: {tree.seconds:.1f} s, {tree.megabytes:.0f} MB; {tree.summary}", flush=True)
        for finding in tree.findings:
            print(f"  {finding}")
    return int(any(tree.kinds["crash"] or tree.kinds["past the limit"] for tree in seen))


if __name__ == "__main__":
    sys.exit(main())
