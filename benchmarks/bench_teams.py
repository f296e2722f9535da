"""vae-checked in projects of others: what is written, which laws hold, what shapes tell, and whether own tests pass.

Checkouts at the commits that teams.toml names lie in one folder; nothing is fetched. Each project is copied and its
tables are put into the copy's pyproject.toml, with files beside it where a batch takes more than a table. Then its
models are put to the laws in the fast mode, their shapes are locked, the source is edited in ways that `shapes check`
must tell, and the own tests run before and after `shapes annotate --write --comments`, whose comments they are held to.
A law that fails is printed: read it.

    python benchmarks/bench_teams.py CHECKOUTS [NAME ...] [--no-own-tests]
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LAWS = re.compile(r"(\d+) laws? tested; (\d+) items?: (\d+) held, (\d+) failed, .*?(\d+) not tested")
OWN = re.compile(r"(\d+) passed")


def run(words: list[str], folder: Path, path: str) -> tuple[int, str, float]:
    """Exit status, what was said on both streams, and the seconds of processor time."""
    paths = os.pathsep.join([str(ROOT), str(folder / path), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (
        done.returncode,
        done.stdout + done.stderr,
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    )


def vae_checked(*words: str) -> list[str]:
    """The command of this checkout."""
    return [sys.executable, "-m", "vae_checked", *words]


def pytest(*words: str) -> list[str]:
    """pytest with the plugin."""
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", *words]


def laws(project: dict[str, Any], folder: Path) -> str:
    """A row of the table of laws; failures and what was not tested are printed."""
    names = [f"vae::{model}" for model in project["models"]]
    _, said, seconds = run(pytest(*names, "--vae-fast", "--no-header"), folder, project.get("path", ""))
    found = LAWS.search(said)
    counts = [int(each) for each in found.groups()] if found else [0] * 5
    print(said)
    texts = [project["tables"], *project.get("files", {}).values()]
    written = sum(len(text.strip().splitlines()) for text in texts)
    put, _, held, failed, left = counts
    each = seconds / max(1, len(names))
    return f"| {project['name']} | {len(names)} | {written} | {put} | {held} | {failed} | {left} | {each:.1f} |"


def edits(project: dict[str, Any], folder: Path) -> list[str]:
    """Which edits `shapes check` told as teams.toml says it must."""
    path, told = project.get("path", ""), []
    for model in project["models"]:
        run(vae_checked("shapes", "lock", model), folder, path)
    for edit in project.get("edit", ()):
        file = folder / edit["file"]
        before = file.read_text(encoding="utf-8")
        if edit["old"] not in before:
            raise SystemExit(f"{file}: no {edit['old']!r}: is the checkout at {project['commit']}?")
        file.write_text(before.replace(edit["old"], edit["new"]), encoding="utf-8")
        _, said, _ = run(vae_checked("shapes", "check", edit["model"]), folder, path)
        file.write_text(before, encoding="utf-8")
        right = edit["told"] in said
        told.append(f"{edit['what']}: {'yes' if right else 'NO'}")
        print(f"{project['name']}: {edit['what']}\n{said}")
    return told


def own_tests(project: dict[str, Any], folder: Path) -> str:
    """How many of the own tests pass before, and after annotating with the comments held to."""
    if not project.get("own_tests"):
        return "none"
    path = project.get("path", "")
    passed = []
    for after in (False, True):
        if after:
            for model in project["models"]:
                run(vae_checked("shapes", "annotate", model, "--write", "--comments"), folder, path)
        held_to = ["--vae-contracts", project["package"]] if after else []
        _, said, _ = run(pytest(*held_to, "--no-header", *project["own_tests"]), folder, path)
        found = OWN.search(said)
        passed.append(found[1] if found else "0")
        print(said[-3000:])
    return " -> ".join(passed)


def main() -> None:
    """Try the projects, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkouts", type=Path, help="the folder in which the checkouts lie, each by its name")
    parser.add_argument("names", nargs="*", help="projects of teams.toml (default: all)")
    parser.add_argument("--no-own-tests", action="store_true", help="leave the own tests out")
    args = parser.parse_args()
    projects = tomllib.loads((Path(__file__).parent / "teams.toml").read_text(encoding="utf-8"))["project"]
    rows = []
    for project in projects:
        if args.names and project["name"] not in args.names:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch, project["name"])
            shutil.copytree(args.checkouts / project["name"], folder, ignore=shutil.ignore_patterns(".git"))
            pyproject = folder / "pyproject.toml"
            before = pyproject.read_text(encoding="utf-8") if pyproject.exists() else ""
            pyproject.write_text(f"{before}\n{project['tables']}", encoding="utf-8")
            for name, text in project.get("files", {}).items():
                (folder / name).write_text(text.lstrip(), encoding="utf-8")
            row = laws(project, folder)
            told = ", ".join(edits(project, folder)) or "none"
            own = "" if args.no_own_tests else own_tests(project, folder)
            rows.append(f"{row} {told} | {own} |")
            print(rows[-1], flush=True)
    head = "project | models | lines written | laws tested | items held | failed | not tested | CPU s a model"
    print(f"| {head} | edits told | own tests |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
