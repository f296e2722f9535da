"""What the pytest plugin costs a project that does not configure it: milliseconds of processor time.

Two parts: the import of the plugin, in fresh processes; and what its hooks add to a run of one test, runs with the
plugin and with an empty one in turn in one process. The package is measured as an installer leaves it, with its
bytecode; the least of many rounds, because what else the machine does only adds. Target: under 2 ms in all, no torch.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import vae_checked

PROCESSES, RUNS = 15, 60
IMPORT = """
import time, pytest
started = time.process_time()
import vae_checked.pytest_plugin
print(1e3 * (time.process_time() - started))
"""
HOOKS = """
import contextlib, io, sys, time, pytest

class Empty: pass

import vae_checked.pytest_plugin as ours
least = {"an empty plugin": [], "an empty plugin, again": [], "ours": []}
arguments = "-q -p no:cacheprovider test_one.py".split()
for _ in range(int(sys.argv[1])):
    for name, took in least.items():
        with contextlib.redirect_stdout(io.StringIO()):
            started = time.process_time()
            code = pytest.main(arguments, [ours if name == "ours" else Empty()])
            took.append(1e3 * (time.process_time() - started))
        assert code == 0
assert not {"torch", "hypothesis", "vae_checked.config"} & set(sys.modules)
print(*[f"{name}:{min(took)}" for name, took in least.items()], sep="\\n")
"""


def run(folder: str, script: str, *arguments: str) -> str:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "PYTHON"))}
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=folder,
        env=kept | {"PYTHONPATH": f"{folder}/installed", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_one.py").write_text("def test_one():\n    assert 1 + 1 == 2\n")
        (Path(folder) / "pyproject.toml").write_text('[project]\nname = "mine"\n')
        shutil.copytree(Path(vae_checked.__file__).parent, Path(folder) / "installed" / "vae_checked")
        subprocess.run([sys.executable, "-m", "compileall", "-q", f"{folder}/installed"], check=True)
        imported = min(float(run(folder, IMPORT)) for _ in range(PROCESSES))
        told = dict(line.split(":") for line in run(folder, HOOKS, str(RUNS)).splitlines())
    least = {name: float(took) for name, took in told.items()}
    added = least["ours"] - least["an empty plugin"]
    print(f"import of the plugin            {imported:6.2f} ms")
    for name, took in least.items():
        print(f"a run with {name:22}{took:6.2f} ms")
    print(f"in all                          {imported + added:6.2f} ms")


if __name__ == "__main__":
    main()
