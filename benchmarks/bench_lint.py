"""How fast `vae-checked lint` is beside other tools, how its cost grows, and how much memory it takes.

Every tool reads the same tree in one process without a cache: a copy of the installed sources of diffusers, where many
files concern VAEs. ruff alone is beside it on Python's standard library, where no file does, and once on all of
site-packages, which is as large as a tree gets. They are run in turn, so that whatever else the machine does falls on
all of them: medians of whole processes, with the processor time of all cores beside them. Tools that read a few files a
second are given a sample, every n-th file, and are told by their rate. ruff, pyrefly and ty use all cores, vae-checked
one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import tools

import vae_checked
from vae_checked.catalogue.support.example import EXAMPLE

PACKAGES = Path(sysconfig.get_path("purelib"))
STANDARD = Path(sysconfig.get_path("stdlib"))
LINT = (
    "import sys; from vae_checked.cli import main; sys.exit(main(['lint', '--no-cache', '--exit-zero', *sys.argv[1:]]))"
)
# The most files that a tool is given of each tree, None for all; flake8, pylint and TorchFix would take hours.
MOST = {"flake8": 300, "pylint": 6, "TorchFix": 60}
LINES = (5_000, 10_000, 20_000)
COPIES = (100, 200, 400)
LAYERS = 40


def commands(folder: Path | None) -> dict[str, list[str]]:
    """The command of each tool, without the paths; tools that are not installed are left out with the reason."""
    found = {"vae-checked": [sys.executable, "-c", LINT]}
    options = {
        "ruff": ("ruff", "check", "--isolated", "--no-cache", "--exit-zero", "--quiet", "--statistics"),
        "ruff, all rules": (
            "ruff", "check", "--isolated", "--no-cache", "--exit-zero", "--quiet", "--statistics",
            "--select", "ALL", "--preview",
        ),
        "flake8": ("flake8", "--isolated", "--jobs", "1", "--exit-zero", "--quiet", "--extend-ignore", "TOR,VAE"),
        "pylint": ("pylint", "--rcfile", os.devnull, "--jobs", "1", "--exit-zero", "--score", "n"),
        "TorchFix": ("torchfix", "--select", "ALL"),
        "pyrefly": ("pyrefly", "check", "--summary", "none"),
        "ty": ("ty", "check", "--exit-zero", "--quiet"),
    }  # fmt: skip
    for name, (program, *words) in options.items():
        try:
            if folder is None:
                raise SystemExit("the tools were not wanted")
            found[name] = [tools.command(folder, program), *words]
        except SystemExit as reason:
            print(f"{name}: left out: {reason}")
    return found


def run(words: list[str], folder: Path) -> tuple[float, float, float]:
    """Seconds, seconds of all cores, and the peak of memory in MB of one process; what it prints goes nowhere."""
    environment = {**os.environ, "PYTHONPATH": str(Path(vae_checked.__file__).parents[1])}
    started = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, env=environment)
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def compare(tree: Path, names: dict[str, list[str]], rounds: int, scratch: Path) -> None:
    """Time every tool on one tree and print a row for each."""
    files = sorted(path for path in tree.rglob("*.py") if path.is_file())
    assert files
    rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in names}
    sizes: dict[str, int] = {}
    for number in range(rounds):
        for name, words in names.items():
            most = MOST.get(name)
            if most is not None and number:
                continue
            given = [str(tree)] if most is None else [str(path) for path in files[:: -(-len(files) // most)]]
            sizes[name] = len(files) if most is None else len(given)
            rows[name].append(run([*words, *given], scratch))
    rates = {name: sizes[name] / statistics.median(wall for wall, _, _ in each) for name, each in rows.items()}
    print(f"\n{tree.name}: {len(files)} files, {sum(path.stat().st_size for path in files) / 1e6:.0f} MB")
    print(f"{'':16} {'files':>6} {'files/s':>8} {'ours is':>16} {'core ms/file':>13} {'MB':>6}")
    for name, rate in rates.items():
        cores = 1e3 * statistics.median(core for _, core, _ in rows[name]) / sizes[name]
        times = f"{rates['vae-checked'] / rate:.2f} x as fast"
        peak = max(memory for _, _, memory in rows[name])
        print(f"{name:16} {sizes[name]:6} {rate:8.1f} {times:>16} {cores:13.2f} {peak:6.0f}")


def model(number: int) -> str:
    """A VAE and its loss, as one of many in a file."""
    return "\n".join(
        (
            f"class Model{number}(nn.Module):",
            "    def __init__(self):",
            "        super().__init__()",
            "        self.mu, self.logvar, self.decoder = nn.Linear(64, 8), nn.Linear(64, 8), nn.Linear(8, 64)",
            *(f"        self.layer{index} = nn.Linear(64, 64)" for index in range(LAYERS)),
            "",
            "    def forward(self, x):",
            "        h = x",
            *(f"        h = F.relu(self.layer{index}(h))" for index in range(LAYERS)),
            "        mu, logvar = self.mu(h), self.logvar(h)",
            "        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)",
            "        return torch.sigmoid(self.decoder(z)), mu, logvar",
            "",
            "",
            f"def loss{number}(x_hat, x, mu, logvar):",
            "    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())",
            "    return F.binary_cross_entropy(x_hat, x, reduction='sum') + kl",
            "\n\n",
        )
    )


def growth(rounds: int, scratch: Path) -> None:
    """Print the time for one file of more and more lines, and for more and more files."""
    head = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n\n\n"
    empty = scratch / "empty.py"
    empty.touch()
    start = statistics.median(run([sys.executable, "-c", LINT, str(empty)], scratch)[1] for _ in range(2 * rounds))
    print(f"\nprocessor time over the {start:.2f} s of a start, medians of {rounds}")
    for lines in LINES:
        text, number = head, 0
        while text.count("\n") < lines:
            text += model(number)
            number += 1
        path = scratch / f"lines{lines}.py"
        path.write_text(text, encoding="utf-8")
        tell(f"one file of {lines} lines", lines, "1000 lines", rounds, path, start)
    for copies in COPIES:
        folder = scratch / f"copies{copies}"
        folder.mkdir()
        for number in range(copies):
            (folder / f"model{number}.py").write_text(EXAMPLE, encoding="utf-8")
        tell(f"{copies} files", copies, "file", rounds, folder, start)


def tell(label: str, count: int, unit: str, rounds: int, path: Path, start: float) -> None:
    """Print what reading `path` takes, and per unit of what was counted."""
    results = [run([sys.executable, "-c", LINT, str(path)], path.parent) for _ in range(rounds)]
    seconds = statistics.median(cores for _, cores, _ in results) - start
    each = 1e3 * seconds / (count / 1000 if unit == "1000 lines" else count)
    print(f"{label:28} {seconds:7.2f} s, {each:7.2f} ms per {unit}, {max(peak for *_, peak in results):5.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each tool is run (slow ones once)")
    parser.add_argument("--no-tools", action="store_true", help="time vae-checked alone")
    parser.add_argument("--tools", type=Path, default=tools.FOLDER, help="the environment of the other tools")
    given = parser.parse_args()
    names = commands(None if given.no_tools else tools.prepared(given.tools))
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        growth(given.rounds, scratch)
        sources = PACKAGES / "diffusers"
        if sources.is_dir():
            # A copy outside of site-packages, which type checkers leave out.
            tree = Path(shutil.copytree(sources, scratch / "diffusers", ignore=shutil.ignore_patterns("__pycache__")))
            compare(tree, names, given.rounds, scratch)
        few = {name: words for name, words in names.items() if name in ("vae-checked", "ruff")}
        # A copy too: what is installed beside the standard library is no part of it.
        skipped = shutil.ignore_patterns("__pycache__", "site-packages")
        compare(Path(shutil.copytree(STANDARD, scratch / "standard", ignore=skipped)), few, given.rounds, scratch)
        compare(PACKAGES, few, 1, scratch)


if __name__ == "__main__":
    main()
