"""What a start of `vae-checked lint one_file.py` costs, as a multiple of `python -c "import ast"`.

The package is measured as an installer leaves it, with its bytecode. Both are run in turn, so that whatever else the
machine does falls on either; medians, whole processes. One file defines a VAE, and is read, evaluated and judged; the
other has none. The target is a ratio of at most 2.5.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import vae_checked
from vae_checked.catalogue.support.example import EXAMPLE

ROUNDS = 31
LINT = "import sys; from vae_checked.cli import main; sys.exit(main(['lint', '--no-cache', sys.argv[1]]))"
LOADED = (
    "import sys; from vae_checked.cli import main; main(['lint', '--no-cache', sys.argv[1]]);"
    "print(*sorted({'torch', 'numpy', 'rich', 'jaxtyping', 'beartype'} & set(sys.modules)), file=sys.stderr)"
)


def installed(folder: str) -> dict[str, str]:
    """An environment in which the package is imported from `folder`, copied there and compiled."""
    shutil.copytree(Path(vae_checked.__file__).parent, Path(folder) / "vae_checked")
    subprocess.run([sys.executable, "-m", "compileall", "-q", folder], check=True)
    return {**os.environ, "PYTHONPATH": folder}


def seconds(environment: dict[str, str], *words: str) -> float:
    started = time.perf_counter()
    # 1 is the status of a run that finds something.
    done = subprocess.run(
        [sys.executable, *words], check=False, stdout=subprocess.DEVNULL, env=environment, cwd=environment["PYTHONPATH"]
    )
    assert done.returncode in (0, 1)
    return time.perf_counter() - started


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = installed(folder)
        files = {"one file with a VAE": EXAMPLE, "one file without": "def greet(name):\n    return f'hello {name}'\n"}
        runs = {"python -c 'pass'": ["-c", "pass"], "python -c 'import ast'": ["-c", "import ast"]}
        for label, text in files.items():
            path = Path(folder) / f"{label.replace(' ', '_')}.py"
            path.write_text(text, encoding="utf-8")
            runs[f"lint {label}"] = ["-c", LINT, str(path)]
            heavy = subprocess.run(
                [sys.executable, "-c", LOADED, str(path)], check=True, capture_output=True, text=True
            )
            print(f"lint {label}: heavy packages imported: {heavy.stderr.strip() or 'none'}")
        times: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(ROUNDS):
            for name, words in runs.items():
                times[name].append(seconds(environment, *words))
    medians = {name: statistics.median(each) for name, each in times.items()}
    base = medians["python -c 'import ast'"]
    for name, median in medians.items():
        print(f"{name:28} {1e3 * median:7.1f} ms  ratio {median / base:.2f}")


if __name__ == "__main__":
    main()
