"""`vae-checked demo`: the two observers at work on VAEs that people use."""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_checked.cli.options import write
from vae_checked.cli.progress import progress
from vae_checked.errors import MissingDependencyError

if TYPE_CHECKING:
    from vae_checked.reports import Report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `demo` takes: nothing."""


@dataclass(frozen=True, slots=True)
class Audited:
    """A model of the demo: how it is built, and what `audit` is told of it."""

    title: str
    build: Callable[[], Any]
    input: str
    loss: str | None = None
    data_range: tuple[float, float] | None = None


def autoencoder_kl() -> Any:
    """diffusers' AutoencoderKL from a small configuration."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
        block_out_channels=(8, 16),
        latent_channels=4,
        norm_num_groups=4,
    )


def pythae_vae() -> Any:
    """pythae's VAE."""
    from pythae.models import VAE, VAEConfig

    return VAE(VAEConfig(input_dim=(1, 16, 24), latent_dim=5))


def pythae_beta_vae() -> Any:
    """pythae's BetaVAE."""
    from pythae.models import BetaVAE, BetaVAEConfig

    return BetaVAE(BetaVAEConfig(input_dim=(1, 16, 24), latent_dim=5, beta=4.0))


def reference() -> Any:
    """The VAE that vae_checked itself is measured against."""
    from vae_checked.reference import VAE

    return VAE((3, 16, 32), latents=5, hidden=32, base=(2, 4), base_channels=32)


SOURCES = (("diffusers", "models/autoencoders"), ("pythae", ""))
MODELS = (
    Audited("diffusers AutoencoderKL", autoencoder_kl, "B 3 16 24", data_range=(-1.0, 1.0)),
    Audited("pythae VAE", pythae_vae, "B 1 16 24", data_range=(0.0, 1.0)),
    Audited("pythae BetaVAE, beta 4", pythae_beta_vae, "B 1 16 24", data_range=(0.0, 1.0)),
    Audited("the reference", reference, "B 3 16 32", loss="loss_function", data_range=(0.0, 1.0)),
)

CLOSING = """\
Your own:
  vae-checked lint src/                                    the source; nothing is executed
  vae-checked audit your.module:VAE --input "B 3 64 64"    the model, run and measured
  vae-checked explain VAE201                               what a mistake is and how it is mended
"""


def run(args: argparse.Namespace) -> int:
    """Lint the sources, audit the models, print what was found and how long each took; what is found is no failure."""
    works: list[tuple[str, Callable[[], Report]]] = []
    for package, folder in SOURCES:
        home, name = _installed(package).parent, f"{package}/{folder}".rstrip("/")
        version = importlib.metadata.version(package)
        works.append((f"lint {name}, version {version}", partial(_lint, home, name)))
    works += [(f"audit {model.title}, input {model.input}", partial(_audit, model)) for model in MODELS]
    with progress("demo", len(works)) as step:
        for number, (title, work) in enumerate(works, 1):
            step(title)
            started = time.perf_counter()
            report = work()
            _show(f"{number}/{len(works)} {title}", report, time.perf_counter() - started)
    write(CLOSING)
    return 0


def _installed(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependencyError(package, "demo", "the demo")
    return Path(spec.submodule_search_locations[0])


def _lint(home: Path, name: str) -> Report:
    from vae_checked.linter import lint

    # Paths in a report are as given: seen from `home` they are short.
    with contextlib.chdir(home):
        return lint([name])


def _audit(model: Audited) -> Report:
    import torch

    from vae_checked.auditor import audit

    with contextlib.redirect_stdout(sys.stderr), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        built = model.build()
        return audit(built, model.input, model.loss, name=model.title, data_range=model.data_range)


def _show(title: str, report: Report, seconds: float) -> None:
    from vae_checked.reports import render

    write(f"== {title}\n\n{render(report)}({seconds:.1f} s)\n\n")
    sys.stdout.flush()
