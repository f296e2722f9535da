"""Run the tests in an environment of its own, with other versions of Python, torch and the rest.

    python benchmarks/test_with.py --python 3.12 --torch 2.6.0 [--with "numpy<2"] [--lowest] [--record] [TEST ...]

The environment lies in `.venvs/` and is used again by the next run with the same versions; `--remove` deletes it at the
end, since a CUDA build of torch takes 3 to 6 GB. Without TEST the rooms that import torch are run. `--lowest` installs
the lower bounds of pyproject.toml. `--record` adds a line to docs/versions.jsonl, from which `make docs` writes the
table in docs/versions.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs"))
from tested_versions import PACKAGES, RECORDS, ROOMS  # noqa: E402  docs/ is no package

EXTRAS = ("torch", "terminal", "pytest", "monitor", "demo")
TOOLS = ("pytest-xdist", "hatchling", "scikit-learn", "pyyaml", "pre-commit", "ruff", "mypy")
# diffusers reads torch.accelerator while it is imported, which came with torch 2.6.
BEFORE_ACCELERATORS = "diffusers==0.31.0"
NUMBER = re.compile(r"\d+(?:\.\d+)*")


def interpreter(version: str) -> str:
    """The Python of that version on PATH or among pyenv's; `version` may be the path of one."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [version, f"python{version}", *map(str, sorted(pyenv.glob(f"{version}*/bin/python")))]
    for candidate in found:
        path = shutil.which(candidate)
        if path and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
            return path
    raise SystemExit(f"there is no Python {version}: looked for {', '.join(found)}")


def lowest() -> list[str]:
    """The lower bounds of the extras that the tests need, each as a version."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    bounds = [bound for extra in ("torch", "terminal", "pytest") for bound in extras[extra]]
    return [bound.replace(">=", "==") for bound in bounds if ">=" in bound and not bound.startswith("torch>=")]


def made(args: argparse.Namespace) -> Path:
    """The environment's Python, everything installed."""
    others = [*args.extra, *(lowest() if args.lowest else [])]
    words = [args.python, f"torch{args.torch}", *others]
    folder = ROOT / ".venvs" / re.sub(r"[^\w.-]+", "-", "-".join(words))
    python = folder / "bin" / "python"
    stamp = folder / "complete"
    if not stamp.is_file():
        subprocess.run([interpreter(args.python), "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--no-cache-dir"]
        torch = [f"torch=={args.torch}", *others]
        subprocess.run([*pip, *torch], check=True)
        if tuple(map(int, args.torch.split(".")[:2])) < (2, 6):
            torch.append(BEFORE_ACCELERATORS)
        subprocess.run([*pip, *torch, *TOOLS, "--editable", f"{ROOT}[{','.join(EXTRAS)}]"], check=True)
        stamp.touch()
    return python


def versions(python: Path) -> dict[str, str]:
    """Of Python and of the packages that decide."""
    script = (
        "import json, platform, importlib.metadata as m\n"
        f"found = {{name: m.version(name) for name in {PACKAGES!r}}}\n"
        "print(json.dumps({'python': platform.python_version(), **found}))"
    )
    done = subprocess.run([str(python), "-c", script], check=True, capture_output=True, text=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def outcomes(report: Path) -> Iterator[tuple[str, str]]:
    """The name and outcome of every test in a JUnit report."""
    for case in ET.parse(report).iter("testcase"):  # noqa: S314  a file that pytest has just written
        kinds = {child.tag for child in case}
        outcome = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        yield f"{case.get('classname')}::{case.get('name')}", outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", default=".".join(map(str, sys.version_info[:2])), help="version, or path of one")
    parser.add_argument("--torch", required=True, help="version")
    parser.add_argument(
        "--with", dest="extra", action="append", default=[], help="a requirement more, such as 'numpy<2'"
    )
    parser.add_argument("--lowest", action="store_true", help="the lower bounds of everything but Python and torch")
    parser.add_argument("--workers", default="1", help="how many at once (default: 1)")
    parser.add_argument("--record", action="store_true", help=f"add a line to {RECORDS.relative_to(ROOT)}")
    parser.add_argument("--remove", action="store_true", help="delete the environment at the end")
    parser.add_argument("tests", nargs="*", default=[f"tests/{room}" for room in sorted(ROOMS)])
    args = parser.parse_args()
    python = made(args)
    report = python.parents[1] / "report.xml"
    environment = {**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    command = [str(python), "-m", "pytest", "-q", "-n", args.workers, f"--junitxml={report}", *args.tests]
    subprocess.run(command, cwd=ROOT, check=False, env=environment)
    if not report.is_file():
        return 2
    found = dict(outcomes(report))
    failed = [name for name, outcome in found.items() if outcome == "failed"]
    record: dict[str, object] = {"date": datetime.datetime.now(datetime.UTC).date().isoformat(), **versions(python)}
    record["tests"] = sorted({test.removeprefix("tests/") for test in args.tests})
    record |= {outcome: list(found.values()).count(outcome) for outcome in ("passed", "failed", "skipped")}
    print(json.dumps(record))
    if args.record:
        with RECORDS.open("a", encoding="utf-8") as records:
            records.write(json.dumps(record) + "\n")
    if args.remove:
        shutil.rmtree(python.parents[1])
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
