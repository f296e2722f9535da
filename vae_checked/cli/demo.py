"""`vae-checked demo`: a VAE with three mistakes, found, measured, corrected, and measured again."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from vae_checked.cli.options import write
from vae_checked.cli.progress import progress
from vae_checked.cli.terminal import look_of_output
from vae_checked.errors import install_line

if TYPE_CHECKING:
    from vae_checked.reports import Report

MODULE = "vae_checked_demo"
FILE = f"{MODULE}.py"
LIBRARY = "diffusers"

_CLOSING = """\
{report} is the report of the first audit as a page for a browser.
{file} is the model, corrected.

Your own:
  vae-checked lint src/                                    the source; nothing is executed
  vae-checked audit your.module:VAE --input "B 3 64 64"    the model, run and measured
  vae-checked explain VAE201                               one mistake in full
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `demo` takes: nothing."""


def source() -> str:
    """A small VAE that trains, and makes three mistakes that have one right answer each."""
    from vae_checked.catalogue.support.example import edit

    return edit(
        ("torch.exp(0.5 * logvar)", "torch.exp(logvar)"),
        ("torch.randn_like(std)", "torch.rand_like(std)"),
        (
            'F.mse_loss(x_hat, x, reduction="none").sum(dim=(1, 2, 3))',
            'F.binary_cross_entropy(x, x_hat, reduction="none").sum(dim=(1, 2, 3))',
        ),
    )


def run(args: argparse.Namespace) -> int:
    """Show each step, what it printed and how long it took; what is found is no failure."""
    from vae_checked.load import require_torch
    from vae_checked.reports import render

    require_torch("the demo")
    folder = Path(tempfile.mkdtemp(prefix="vae-checked-demo-"))
    (folder / FILE).write_text(source(), encoding="utf-8")
    page = folder / "report.html"
    with _inside(folder), progress("demo") as announce:

        def step(title: str, work: Callable[[], str]) -> None:
            announce(title)
            started = time.perf_counter()
            shown = work()
            write(f"== {title}\n\n{shown}({time.perf_counter() - started:.1f} s)\n\n", painted=True)
            sys.stdout.flush()

        def measured() -> str:
            report = _audit_module()
            page.write_text(render(report, "html"), encoding="utf-8")
            return _shown(report)

        step(f"1. A VAE with three mistakes trains, and says nothing. vae-checked lint {FILE}", lambda: _shown(_lint()))
        step(f"2. The live model. vae-checked audit {MODULE}:VAE", measured)
        step(f"3. What has one right answer. vae-checked lint --fix {FILE}", _fix)
        step(f"4. The corrected model. vae-checked audit {MODULE}:VAE", lambda: _shown(_audit_module()))
        step(f"5. A model of a library: AutoencoderKL of {LIBRARY}", _of_library)
    write(_CLOSING.format(report=page, file=folder / FILE))
    return 0


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Work in `folder`, and leave no module of it behind."""
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        sys.modules.pop(MODULE, None)


def _shown(report: Report) -> str:
    from vae_checked.reports import render

    return render(report, look=look_of_output())


def _lint() -> Report:
    from vae_checked.linter import lint

    return lint([FILE])


def _fix() -> str:
    from vae_checked.linter.fixing.apply_fixes import fixed_files, write_fixed

    fixed = fixed_files([FILE])
    for each in fixed:
        write_fixed(each)
    return "".join(f"{each.diff}\n" for each in fixed)


def _audit_module() -> Report:
    # Not by an import: Python would take what it compiled of the file as it was a second ago.
    path = Path(FILE).resolve()
    module = ModuleType(MODULE)
    sys.modules[MODULE] = module
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)  # noqa: S102  the demo's own file
    return _audited(module.VAE, f"{MODULE}:VAE", module.INPUT, module.loss_function, module.DATA_RANGE)


def _of_library() -> str:
    try:
        from diffusers import AutoencoderKL
    except ModuleNotFoundError:
        return f"{LIBRARY} is not installed, and this step is left out: {install_line('demo')}\n"

    from vae_checked.cli.hints import as_options

    def build() -> Any:
        return AutoencoderKL(
            down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
            up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
            block_out_channels=(8, 16),
            latent_channels=4,
            norm_num_groups=4,
        )

    return as_options(_shown(_audited(build, f"{LIBRARY}:AutoencoderKL", "B 3 16 24", None, (-1.0, 1.0))))


def _audited(build: Callable[[], Any], name: str, shape: str, loss: Any, data_range: tuple[float, float]) -> Report:
    import torch

    from vae_checked.auditor import audit

    with contextlib.redirect_stdout(sys.stderr), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return audit(build(), shape, loss, name=name, data_range=data_range)
