"""The source distribution and the wheel: built from the tree, installed offline, and run."""

from __future__ import annotations

import base64
import email
import hashlib
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from vae_checked import __version__
from vae_checked.errors import install_line

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OFFLINE = ["--quiet", "--no-index", "--disable-pip-version-check"]


def run(words: Iterable[object], folder: Path) -> str:
    """What a command prints, which must succeed, in a folder from which the tree cannot be imported by chance."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_"))}
    spelt = [str(word) for word in words]
    done = subprocess.run(spelt, check=False, capture_output=True, text=True, cwd=folder, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(python: Path, *words: object) -> str:
    """Run this Python's pip for another one."""
    return run([sys.executable, "-m", "pip", "--python", python, "install", *OFFLINE, *words], python.parent)


def environment(folder: Path, shared: bool = False) -> Path:
    """The Python of a new environment; `shared` lets it see the packages of this one."""
    venv.create(folder, with_pip=False)
    if shared:
        (site,) = (folder / "lib").glob("python*/site-packages")
        (site / "shared.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The source distribution and the wheel."""
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "hatchling", "build", "-d", folder], ROOT)
    (source,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return source, wheel


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_the_package_its_licence_and_nothing_else(built: tuple[Path, Path]) -> None:
    found = contents(built[1])
    modules = {str(path.relative_to(ROOT)): path.read_bytes() for path in (ROOT / "vae_checked").rglob("*.py")}
    about = f"vae_checked-{__version__}.dist-info"
    extra = {f"{about}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")}
    assert {name: found[name] for name in modules} == modules
    assert set(found) - set(modules) == {"vae_checked/py.typed", *extra}
    assert found[f"{about}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()


def test_nothing_is_required_but_by_extras(built: tuple[Path, Path]) -> None:
    (text,) = [data for name, data in contents(built[1]).items() if name.endswith("/METADATA")]
    metadata = email.message_from_bytes(text)
    assert metadata["Version"] == __version__
    assert metadata["Requires-Python"] == PROJECT["requires-python"]
    assert set(metadata.get_all("Provides-Extra", [])) == set(PROJECT["optional-dependencies"])
    assert [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line] == []
    assert metadata.get_payload().startswith("# vae_checked\n")


def test_the_wheel_of_the_source_distribution_is_that_of_the_tree(built: tuple[Path, Path], tmp_path: Path) -> None:
    source, wheel = built
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    for name in ("tests/conftest.py", "docs/generate.py", "action.yml", ".pre-commit-hooks.yaml", "constraints.txt"):
        assert (folder / name).read_bytes() == (ROOT / name).read_bytes()
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], folder)
    (again,) = tmp_path.glob("*.whl")
    assert contents(again) == contents(wheel)


@pytest.mark.parametrize("form", ["wheel", "source"])
def test_what_is_installed_lints_with_nothing_beside_it(built: tuple[Path, Path], tmp_path: Path, form: str) -> None:
    source, wheel = built
    # A source distribution is built with the hatchling that is here; the wheel needs nothing.
    python = environment(tmp_path / "python", shared=form == "source")
    pip(python, *([wheel] if form == "wheel" else ["--no-build-isolation", "--no-deps", source]))
    (tmp_path / "vae.py").write_text(
        "import torch\n\n\ndef encode(mu, logvar):\n    return mu + torch.exp(0.5 * logvar) * torch.rand_like(mu)\n\n\n"
        "def kl(mu, logvar):\n    return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())\n\n\n"
        "def loss(x, mu, logvar, decoder):\n    z = encode(mu, logvar)\n"
        "    return torch.sum((decoder(z) - x) ** 2) + kl(mu, logvar)\n",
        encoding="utf-8",
    )
    command = python.parent / "vae-checked"
    assert run([command, "--version"], tmp_path).startswith(f"vae-checked {__version__}\n")
    assert "VAE202" in run([command, "lint", "vae.py", "--no-cache", "--exit-zero"], tmp_path)
    where = run([python, "-c", "import vae_checked; print(vae_checked.__file__)"], tmp_path).strip()
    assert Path(where).is_relative_to(tmp_path)


def test_the_line_for_an_extra_needs_no_index_that_has_vae_checked(built: tuple[Path, Path], tmp_path: Path) -> None:
    python = environment(tmp_path / "python")
    pip(python, built[1])
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    for name in ("rich", "shtab"):
        (shelf / f"{name}-99.0-py3-none-any.whl").write_bytes(wheel_of(name, "99.0", tmp_path))
    program, *words = install_line("terminal").replace("'", "").split()
    assert (program, words) == ("pip", ["install", "vae-checked[terminal]"])
    pip(python, "--find-links", shelf, *words[1:])
    assert run([python, "-c", "import rich, shtab; print(rich.HERE, shtab.HERE)"], tmp_path) == "True True\n"


def wheel_of(name: str, version: str, folder: Path) -> bytes:
    """A wheel with one module that says HERE."""
    about = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": b"HERE = True\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{path},sha256={digest(data)},{len(data)}" for path, data in files.items()]
    files[f"{about}/RECORD"] = "\n".join([*rows, f"{about}/RECORD,,", ""]).encode()
    whole = folder / "whole.whl"
    with zipfile.ZipFile(whole, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return whole.read_bytes()


def digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def test_the_changelog_and_the_release_notes_begin_with_this_version() -> None:
    for name, heading in (("CHANGELOG.md", r"^## \[([\d.]+)\]"), ("docs/release-notes.md", r"^## ([\d.]+)$")):
        found = re.search(heading, (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        assert found is not None
        assert found[1] == __version__
