"""lint, explain and rules in a Python that has the standard library and vae_checked, and nothing else."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from vae_checked.reports import FORMATS

ROOT = Path(__file__).resolve().parents[2]
MISTAKEN = """
import torch

class VAE(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.mu, self.logvar, self.out = torch.nn.Linear(6, 3), torch.nn.Linear(6, 3), torch.nn.Linear(3, 6)

    def forward(self, x):
        mu, logvar = self.mu(x), self.logvar(x)
        z = mu + torch.exp(logvar) * torch.randn_like(mu)
        return self.out(z), mu, logvar

def loss(recon_x, x, mu, logvar):
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), 1)
    return (torch.nn.functional.mse_loss(recon_x, x, reduction="none").sum(1) + kl).mean()
"""
# -I and -S: no environment variables, no user's site, no site-packages.
BARE = [sys.executable, "-I", "-S", "-c"]
START = f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
RUN = f"{START}from vae_checked.cli import main; sys.exit(main(sys.argv[1:]))"
OTHERS = "torch", "numpy", "jaxtyping", "beartype", "rich", "hypothesis", "pytest"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file with one mistake."""
    (tmp_path / "model.py").write_text(MISTAKEN, encoding="utf-8")
    return tmp_path


def bare(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*BARE, RUN, *words], check=False, capture_output=True, text=True, cwd=folder)


def test_the_bare_python_has_none_of_the_other_packages() -> None:
    script = f"import importlib.util as u; print([name for name in {OTHERS!r} if u.find_spec(name)])"
    assert subprocess.run([*BARE, script], check=True, capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_lint_names_the_mistake_in_every_format(source: Path, form: str) -> None:
    done = bare(source, "lint", "model.py", "--no-cache", "--format", form)
    assert (done.returncode, done.stderr) == (1, "")
    assert "VAE201" in done.stdout


def test_lint_mends_caches_and_reads_its_configuration(source: Path) -> None:
    (source / "pyproject.toml").write_text('[tool.vae-checked]\nignore = ["VAE201"]\n', encoding="utf-8")
    cached = ("lint", "model.py", "--cache-dir", "cache", "--format", "json")
    for _ in range(2):
        done = bare(source, *cached)
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["findings"] == []
    (source / "pyproject.toml").unlink()
    assert bare(source, "lint", "model.py", "--no-cache", "--fix").returncode == 0
    assert "torch.exp(0.5 * logvar)" in (source / "model.py").read_text(encoding="utf-8")


def test_lint_on_a_terminal_does_without_a_bar(source: Path) -> None:
    master, slave = pty.openpty()
    words = [*BARE, RUN, "lint", "model.py", "--no-cache"]
    done = subprocess.run(words, check=False, stdout=subprocess.PIPE, stderr=slave, text=True, cwd=source)
    os.write(slave, b"end")
    os.close(slave)
    assert os.read(master, 4096) == b"end"
    os.close(master)
    assert done.returncode == 1
    assert "VAE201" in done.stdout


def test_explain_and_rules_need_nothing_else(tmp_path: Path) -> None:
    explained, listed = bare(tmp_path, "explain", "VAE201"), bare(tmp_path, "rules")
    assert (explained.returncode, explained.stderr) == (listed.returncode, listed.stderr) == (0, "")
    assert explained.stdout.startswith("VAE201 log-std-read-as-logvar")
    assert "VAE201" in listed.stdout


@pytest.mark.parametrize(
    ("words", "needing"),
    [
        (("audit", "model:VAE", "--input", "B 6"), "auditing model:VAE"),
        (("shapes", "infer", "model:VAE", "--input", "B 6"), "probing a model"),
        (("lint", "model.py", "--confirm"), "--confirm"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
@pytest.mark.parametrize("missing", ["torch", "jaxtyping", "beartype"])
def test_a_command_that_runs_models_names_the_extra_in_one_line(
    source: Path, words: tuple[str, ...], needing: str, missing: str
) -> None:
    names = ("torch", "jaxtyping", "beartype")
    for name in names[: names.index(missing)]:
        (source / f"{name}.py").write_text("", encoding="utf-8")
    script = f"{START}sys.path.append({str(source)!r}); from vae_checked.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run([*BARE, script, *words], check=False, capture_output=True, text=True, cwd=source)
    assert done.returncode == 2
    assert done.stderr == (
        f"vae-checked: error: {needing} needs the package {missing!r}, which is not installed: "
        "pip install 'vae-checked[torch]'\n"
    )


@pytest.mark.parametrize(
    ("version", "outdated"),
    [("1.13.1", True), ("2.3.1+cu121", True), ("2.4.0", False), ("2.10.0a0+git123", False), ("3.0a0", False)],
)
def test_a_torch_that_is_too_old_is_named_with_what_is_needed(source: Path, version: str, outdated: bool) -> None:
    for name in ("torch", "jaxtyping", "beartype"):
        (source / f"{name}.py").write_text("", encoding="utf-8")
    about = source / "torch-0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n", encoding="utf-8")
    script = (
        f"{START}sys.path.append({str(source)!r}); from vae_checked.load import require_torch\n"
        "try:\n    require_torch('auditing x')\nexcept ImportError as error:\n    print(error)"
    )
    done = subprocess.run([*BARE, script], check=True, capture_output=True, text=True, cwd=source)
    assert done.stdout == f"auditing x needs torch 2.4 or later, and {version} is installed\n" * outdated


@pytest.mark.parametrize("name", ["audit", "checked", "wrap", "Monitor"])
def test_a_public_name_that_needs_torch_names_the_extra(tmp_path: Path, name: str) -> None:
    script = (
        f"{START}\ntry:\n    from vae_checked import {name}\nexcept ImportError as error:\n    print(error.name, error)"
    )
    done = subprocess.run([*BARE, script], check=True, capture_output=True, text=True, cwd=tmp_path)
    package, _, said = done.stdout.partition(" ")
    assert package in ("torch", "jaxtyping", "beartype")
    assert said == (
        f"vae_checked.{name} needs the package {package!r}, which is not installed: pip install 'vae-checked[torch]'\n"
    )
