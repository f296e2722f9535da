"""`vae-checked doctor`: what works here, what does not and why, and what would change that."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vae_checked.cli.options import write
from vae_checked.record import dataclass

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = ("vae-checked doctor",)


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing that vae-checked does, the packages that it needs, and the extra that brings them."""

    name: str
    packages: tuple[str, ...] = ()
    extra: str = ""


def features() -> tuple[Feature, ...]:
    """All that may work or not, by what is installed."""
    from vae_checked.errors import TORCH_EXTRA

    return (
        Feature("lint, explain, rules"),
        Feature("audit, shapes, wrap, @checked", tuple(sorted(TORCH_EXTRA)), "torch"),
        Feature("laws by pytest", ("torch", "pytest", "hypothesis"), "pytest"),
        Feature("language server", ("pygls",), "lsp"),
        Feature("monitor for Lightning", ("torch", "lightning"), "monitor"),
        Feature("monitor to TensorBoard", ("torch", "tensorboard"), "monitor"),
        Feature("monitor to wandb", ("torch", "wandb"), "wandb"),
        Feature("progress bars", ("rich",), "terminal"),
        Feature("completion in a shell", ("shtab",), "terminal"),
        Feature("demo", ("torch", "diffusers", "pythae"), "demo"),
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `doctor` takes: nothing."""


def run(args: argparse.Namespace) -> int:
    """Say which versions there are, what works with them, and what is configured here."""
    known = {package: installed(package) for each in features() for package in each.packages}
    width = max(map(len, known))
    lines = ["versions:", *(f"  {line}" for line in _versions(width))]
    lines += [f"  {package:{width}}  {version or 'not installed'}" for package, version in sorted(known.items())]
    lines += ["", "what works here:", *(f"  {line}" for each in features() for line in _state(each, known))]
    lines += ["", "what is configured here:", *(f"  {line}" for line in _configured())]
    write("\n".join(lines) + "\n")
    return 0


def _versions(width: int) -> Iterator[str]:
    """The versions of vae-checked, Python and the system."""
    from vae_checked import __version__

    yield f"{'vae-checked':{width}}  {__version__}"
    yield f"{'Python':{width}}  {platform.python_version()} ({sys.executable})"
    yield f"{'system':{width}}  {platform.system()} {platform.machine()}"


def all_versions() -> Iterator[str]:
    """What `--version` says: the first line is vae-checked's alone."""
    from vae_checked import __version__
    from vae_checked.errors import TORCH_EXTRA

    yield f"vae-checked {__version__}"
    yield f"Python {platform.python_version()}"
    for package in TORCH_EXTRA:
        yield f"{package} {installed(package) or 'not installed'}"


def installed(package: str) -> str | None:
    """The version of a package, None where it is not installed; the package is not imported."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _state(feature: Feature, known: dict[str, str | None]) -> Iterator[str]:
    from vae_checked.errors import install_line

    missing = [package for package in feature.packages if known[package] is None]
    floors = [(each, floor) for each, floor in _floors(feature) if _older(known[each], floor)]
    old = [f"{each} {known[each]} is older than {floor}" for each, floor in floors]
    if missing:
        yield f"no   {feature.name}: {', '.join(missing)} not installed: {install_line(feature.extra)}"
    elif any(each == "torch" for each, _ in floors):
        yield f"no   {feature.name}: {'; '.join(old)}"
    elif old:
        yield f"yes  {feature.name}, but {'; '.join(old)}, the oldest that the tests have passed with"
    else:
        yield f"yes  {feature.name}"


def _floors(feature: Feature) -> Iterator[tuple[str, str]]:
    """The oldest version of each package that vae-checked asks for, as far as its own metadata say."""
    import re
    from importlib.metadata import PackageNotFoundError, requires

    try:
        lines = requires("vae-checked") or []
    except PackageNotFoundError:
        return
    for line in lines:
        found = re.match(r"([\w.-]+)>=([\d.]+)", line)
        if found and found[1] in feature.packages:
            yield found[1], found[2]


def _older(version: str | None, floor: str) -> bool:
    import re

    def numbers(text: str) -> list[int]:
        return [int(part) for part in re.findall(r"\d+", text.partition("+")[0])][:3]

    return version is not None and numbers(version) < numbers(floor)


def _configured() -> Iterator[str]:
    from vae_checked.config import find_pyproject, load_lint, load_models
    from vae_checked.errors import VaeCheckedError
    from vae_checked.text import counted, shown

    path = find_pyproject()
    if path is None:
        yield "no pyproject.toml here or above: the defaults hold"
        return
    try:
        load_lint(path)
        models = load_models(path)
    except VaeCheckedError as error:
        yield str(error)
        return
    names = f": {', '.join(models)}" if models else ""
    yield f"{shown(str(path))}: {counted(len(models), 'model')}{names}"
    yield _lock(path.parent)


def _lock(folder: Path) -> str:
    from vae_checked.text import shown

    # The name is that of shapes.LOCK_NAME, whose import takes torch.
    lock = folder / "vae-shapes.lock"
    return f"{shown(str(lock))}: {'there is one' if lock.is_file() else 'no lock of shapes'}"
