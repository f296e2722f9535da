"""TrainCheck as its README shows it: invariants of a run that is known to be good, checked on another run.

It lives in an environment of its own, which borrows this one's torch. The known-good run is that of the corrected twin;
what its twin violates as well, trained from another seed, is no diagnosis.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

PACKAGES = (
    "traincheck==0.2.0 astor tqdm numba llvmlite pandas polars polars-runtime-32 pyyaml orjson watchdog "
    "python-dateutil six numpy"
).split()
STEPS = 8
TRAINING = """

torch.manual_seed({seed})
model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
shape = [16 if axis == "B" else int(axis) for axis in INPUT.split()]
for _ in range({steps}):
    x = DATA_RANGE[0] + (DATA_RANGE[1] - DATA_RANGE[0]) * torch.rand(shape)
    optimizer.zero_grad()
    x_hat, mu, logvar = model(x)
    loss = loss_function(x_hat, x, mu, logvar)
    loss.backward()
    optimizer.step()
"""


class TrainCheck:
    """Runs it in `folder`, where every finished run is kept and not made again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._python = folder / "environment" / "bin" / "python"
        if not self._python.exists():
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "environment"], check=True)
            ours = sysconfig.get_path("purelib")
            theirs = next((folder / "environment" / "lib").glob("python*/site-packages"))
            command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", theirs, *PACKAGES]
            subprocess.run(command, check=True)
            (theirs / "torch.pth").write_text(f"{ours}\n", encoding="utf-8")

    def violated(self, bad: str, good: str) -> list[str]:
        """What the bad module's training violates of the good one's invariants, and the good one's own does not."""
        invariants = self._invariants(good)
        return sorted(self._failed(bad, invariants) - self._failed(good, invariants))

    def _invariants(self, good: str) -> Path:
        found = self._place(good) / "invariants.json"
        if not found.exists():
            trace = self._trace(good, 0, found.with_name("reference"), None)
            self._run(found.parent, "traincheck-infer", "-f", trace, "-o", found.with_name("made.json"))
            found.with_name("made.json").replace(found)
        return found

    def _failed(self, text: str, invariants: Path) -> set[str]:
        place = self._place(text + str(invariants))
        done = place / "failed.json"
        if not done.exists():
            trace = self._trace(text, 1, place / "target", invariants)
            self._run(place, "traincheck-check", "-f", trace, "-i", invariants)
            names = {name for log in place.glob("traincheck_checker_results_*/**/failed.log") for name in _names(log)}
            done.write_text(json.dumps(sorted(names)), encoding="utf-8")
        return set(json.loads(done.read_text(encoding="utf-8")))

    def _trace(self, text: str, seed: int, folder: Path, invariants: Path | None) -> Path:
        script = folder.with_suffix(".py")
        script.write_text(text + TRAINING.format(seed=seed, steps=STEPS), encoding="utf-8")
        only = [] if invariants is None else ["--invariants", invariants]
        options = ["--pyscript", script, "--models-to-track", "model", *only, "--output-dir", folder]
        self._run(folder.parent, "traincheck-collect", *options)
        return folder

    def _run(self, folder: Path, command: str, *options: object) -> None:
        start = (
            "import sys; from importlib.metadata import entry_points; sys.argv[0] = sys.argv.pop(1); "
            "sys.exit(next(e for e in entry_points(group='console_scripts') if e.name == sys.argv[0]).load()())"
        )
        words = [str(self._python), "-c", start, command, *map(str, options)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        environment.pop("PYTHONPATH", None)
        with (folder / f"{command}.log").open("w", encoding="utf-8") as log:
            subprocess.run(words, cwd=folder, env=environment, stdout=log, stderr=log, check=False, timeout=1800)

    def _place(self, text: str) -> Path:
        place = self._folder / hashlib.sha256(text.encode()).hexdigest()[:12]
        place.mkdir(exist_ok=True)
        return place


def _names(log: Path) -> set[str]:
    """Each failed invariant by its words and the parameters that they leave out."""
    text, decoder, place, found = log.read_text(encoding="utf-8"), json.JSONDecoder(), 0, set()
    while (place := next((i for i in range(place, len(text)) if not text[i].isspace()), len(text))) < len(text):
        entry, place = decoder.raw_decode(text, place)
        invariant = entry["invariant"]
        found.add(f"{invariant['text_description']} {json.dumps(invariant['params'], sort_keys=True)}")
    return found
