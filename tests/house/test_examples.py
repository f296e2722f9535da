"""The two projects in examples/, run as a stranger runs them: against the wheel, in an environment of their own.

What is shared with this environment, because it takes gigabytes or minutes to install anew: the third-party packages,
each by a link. Not shared: this package, which comes from the wheel, and its checkout, which
is on no path of the new environment.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from preloaded import run_python

ROOT = Path(__file__).resolve().parents[2]
OURS = ("vae_checked", "_vae_checked", "__editable__")
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the wheel of this checkout, and links to the third-party packages."""
    if find_spec("hatchling") is None:
        pytest.skip("hatchling builds the wheel; not installed")
    base = tmp_path_factory.mktemp("stranger")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(base), str(ROOT)]
    subprocess.run([*pip, *build], check=True, capture_output=True, text=True, timeout=300)
    (wheel,) = base.glob("vae_checked-*.whl")
    venv.create(base / "env", with_pip=False, symlinks=True)
    python = base / "env" / "bin" / "python"
    install = ["--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([*pip, *install], check=True, capture_output=True, text=True, timeout=300)

    (own,) = (base / "env" / "lib").glob("python*/site-packages")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not (own / entry.name).exists() and not entry.name.startswith(OURS) and entry.suffix != ".pth":
            (own / entry.name).symlink_to(entry)
    return base / "env"


@pytest.fixture
def stranger(environment: Path, tmp_path: Path) -> Command:
    """`stranger(example, ...)` runs the environment's Python, or its vae-checked, in a copy of the example."""

    def run(example: str, *words: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / example
        if not folder.exists():
            shutil.copytree(ROOT / "examples" / example, folder, ignore=shutil.ignore_patterns("__pycache__"))
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PYTEST", "VAE_"))}
        program = [str(environment / "bin" / words[0]), *words[1:]] if words[0] == "vae-checked" else ["-P", *words]
        return run_python(
            *program,
            python=str(environment / "bin" / "python"),
            cwd=folder,
            env=kept | {"OMP_NUM_THREADS": "1"},
        )

    return run


PYTEST = ("-m", "pytest", "-p", "no:cacheprovider", "-v")


def test_a_teams_own_vae_and_what_a_mistake_in_it_turns_red(
    stranger: Command, environment: Path, tmp_path: Path
) -> None:
    result = stranger("own-vae", *PYTEST)
    assert result.returncode == 0, result.stdout
    for line in (
        "tests/test_model.py::test_a_picture_on_its_side_is_refused PASSED",
        "digits_vae/model.py::vae-lint PASSED",
        "vae::digits::kl-closed-form PASSED",
        "vae::digits::audit PASSED",
        "vae::digits::shapes PASSED",
        "vae-checked: 4 of 4 contracts active",
    ):
        assert line in result.stdout

    model = tmp_path / "own-vae" / "digits_vae" / "model.py"
    text = model.read_text()
    model.write_text(
        text.replace("torch.exp(0.5 * logvar)", "torch.exp(logvar)").replace(
            "HIDDEN = 12, 16, 24", "HIDDEN = 12, 16, 23"
        )
    )
    only = "vae-lint or shapes or audit or kl-closed-form or kl-nonnegative"
    broken = stranger("own-vae", *PYTEST, "-k", only)
    assert broken.returncode == 1
    red = sorted(line.split()[0] for line in broken.stdout.splitlines() if " FAILED " in line)
    assert red == [
        "digits_vae/model.py::vae-lint",
        "vae::digits::audit",
        "vae::digits::kl-closed-form",
        "vae::digits::shapes",
    ]
    assert "VAE201 log-std-read-as-logvar" in broken.stdout
    assert str(ROOT) not in result.stdout + broken.stdout
    where = stranger("own-vae", "vae-checked", "lint", "--exit-zero", "digits_vae")
    assert "VAE201" in where.stdout


def test_a_third_partys_vae_is_audited(stranger: Command, environment: Path) -> None:
    if find_spec("diffusers") is None:
        pytest.skip("diffusers is the third party; not installed")
    result = stranger("third-party-vae", *PYTEST, "--vae-shapes", "-k", "shapes or wide or kl-nonnegative")
    assert result.returncode == 0, result.stdout
    for line in (
        "tests/test_autoencoder_kl.py::test_latents_are_half_as_high_and_wide PASSED",
        "vae::autoencoder-kl::kl-nonnegative PASSED",
        "vae::autoencoder-kl::shapes PASSED",
    ):
        assert line in result.stdout
    audited = stranger("third-party-vae", "vae-checked", "audit", "autoencoder-kl", "--format", "github")
    assert audited.returncode == 0, audited.stdout + audited.stderr
    assert audited.stdout.startswith("0 findings; ")


def test_the_package_is_that_of_the_wheel(stranger: Command, environment: Path) -> None:
    found = stranger(
        "own-vae", "-c", "import sys, vae_checked; print(vae_checked.__file__, *sys.path, sep='\\n')"
    ).stdout
    assert Path(found.splitlines()[0]).is_relative_to(environment)
    assert str(ROOT) not in found
