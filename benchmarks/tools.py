"""Other linters and type checkers in an environment of their own, which sees the packages of the running one."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "tools.txt"
CONSTRAINTS = HERE.parent / "constraints.txt"
FOLDER = HERE.parent / ".venv" / "tools"
SHAPES, SHAPES_FOLDER = HERE / "tools_shapes.txt", HERE.parent / ".venv" / "tools-shapes"


def prepared(folder: Path = FOLDER, requirements: Path = REQUIREMENTS) -> Path:
    """The environment at `folder`, made and filled from PyPI where it is not yet."""
    complete = folder / ".complete"
    if not complete.exists() or complete.read_text(encoding="utf-8") != requirements.read_text(encoding="utf-8"):
        venv.create(folder, with_pip=True, clear=True)
        # torch is large and already here: a path file shows it to the tools.
        tag = f"python{sys.version_info.major}.{sys.version_info.minor}"
        path_file = folder / "lib" / tag / "site-packages" / "shared.pth"
        path_file.write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
        words = ["--quiet", "--constraint", str(CONSTRAINTS), "--requirement", str(requirements)]
        subprocess.run([str(folder / "bin" / "python"), "-m", "pip", "install", *words], check=True)
        complete.write_text(requirements.read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def command(folder: Path, name: str) -> str:
    """The program called `name`: of the environment at `folder`, or of the running one, which it shares."""
    for place in (folder / "bin", Path(sys.executable).parent):
        if os.access(place / name, os.X_OK):
            return str(place / name)
    raise SystemExit(f"{name} is in neither {folder} nor the running environment: delete {folder} and run again")


def versions(folder: Path, requirements: Path = REQUIREMENTS) -> dict[str, str]:
    """The version of every tool named in the requirements, and of vae_checked's own dependencies that matter."""
    names = [line.split("==")[0].split("[")[0] for line in requirements.read_text(encoding="utf-8").splitlines()]
    wanted = [name for name in names if name and not name.startswith("#")]
    paths = [str(path) for path in (folder / "lib").glob("python*/site-packages")] + [sysconfig.get_path("purelib")]
    found = {each.name.lower(): each.version for each in reversed(list(metadata.distributions(path=paths)))}
    return {name: found[name] for name in wanted}
