"""Where readings go: the terminal, what the caller gives, and the sinks that have modules of their own."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from vae_checked.errors import UsageError
from vae_checked.monitor.csv_file import CSVFile
from vae_checked.monitor.html_file import HTMLFile
from vae_checked.monitor.reading import Reading
from vae_checked.monitor.tensorboard import TensorBoard, own_tensorboard, require_tensorboard
from vae_checked.monitor.wandb_run import WandbRun, own_run, require_wandb
from vae_checked.monitor.words import line, numbers, short_line, told
from vae_checked.text import described

if TYPE_CHECKING:
    from rich.console import Console

# As many bars as a line has room for.
_REMEMBERED = 12
_HELP = (
    "give 'terminal', a path that ends in .csv or .html, 'tensorboard' or 'tensorboard:DIR', a SummaryWriter, 'wandb' "
    "or 'wandb:PROJECT', a run of wandb, or a function"
)


class Sink(Protocol):
    """Takes readings in their order."""

    def write(self, reading: Reading) -> None:
        """Take one."""

    def close(self) -> None:
        """Take no more."""


class Terminal:
    """One line per reading on the standard output, and one for each cause when it first shows.

    Where a person is looking the line is short, with the KLs so far as bars; in a log it holds all that was read.
    """

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._kls: list[float] = []

    def __str__(self) -> str:
        return "the standard output"

    def write(self, reading: Reading) -> None:
        """Print it; short where a person is looking, and with colour where the package rich is there."""
        causes = told(reading, self._known)
        if reading.kl is not None:
            self._kls = [*self._kls, reading.kl][-_REMEMBERED:]
        watched = sys.stdout.isatty() or _in_notebook()
        pieces = short_line(reading, self._kls) if watched else [(line(reading), "")]
        console = _console() if watched else None
        if console is None:
            sys.stdout.write("".join(f"{each}\n" for each in ("".join(text for text, _ in pieces), *causes)))
        else:
            from rich.text import Text  # noqa: PLC0415  only a terminal needs it

            console.print(Text.assemble(*pieces))
            for each in causes:
                console.print(each, style="dim" if "not seen: " in each else "bold red", markup=False)
        sys.stdout.flush()

    def close(self) -> None:
        """Nothing is held."""


def _in_notebook() -> bool:
    """Whether the output goes below a cell of Jupyter, which is no terminal and is looked at all the same."""
    return type(sys.stdout).__module__.startswith("ipykernel.")


def _console() -> Console | None:
    try:
        from rich.console import Console  # noqa: PLC0415  only a terminal needs it
    except ModuleNotFoundError:
        return None
    if _in_notebook():  # it shows the colours of a terminal; rich would make a block of HTML of every line
        return Console(soft_wrap=True, highlight=False, force_jupyter=False, force_terminal=True)
    return Console(soft_wrap=True, highlight=False)


class Function:
    """A function of the caller's that takes each Reading."""

    def __init__(self, function: Callable[[Reading], object]) -> None:
        self._function = function

    def __str__(self) -> str:
        return f"the function {getattr(self._function, '__qualname__', self._function)!s}"

    def write(self, reading: Reading) -> None:
        """Call it."""
        self._function(reading)

    def close(self) -> None:
        """Nothing is held."""


def sinks_of(to: Any) -> list[Sink]:
    """What `to` names; UsageError for what is no place to write to, MissingDependencyError without its package."""
    if isinstance(to, (list, tuple)):
        return [sink for each in to for sink in sinks_of(each)]
    if isinstance(to, (str, os.PathLike)):
        return [_named(os.fspath(to))]
    if hasattr(to, "add_scalar"):
        return [TensorBoard(to, owned=False)]
    if hasattr(to, "define_metric"):
        return [WandbRun(to, owned=False)]
    if callable(to):
        return [Function(to)]
    raise UsageError(f"to is a {type(to).__name__}: {_HELP}")


def refuse(to: Any) -> None:
    """Raise what `sinks_of` would raise for what cannot be meant, or lacks its package; nothing is opened."""
    if isinstance(to, (list, tuple)):
        for each in to:
            refuse(each)
    elif isinstance(to, (str, os.PathLike)):
        needs = {"tensorboard": require_tensorboard, "wandb": require_wandb}.get(os.fspath(to).partition(":")[0])
        if needs is not None:
            needs()
        else:
            _named(os.fspath(to))
    elif not (hasattr(to, "add_scalar") or hasattr(to, "define_metric")):
        sinks_of(to)


def _named(text: str) -> Sink:
    kind, _, rest = text.partition(":")
    if text == "terminal":
        return Terminal()
    if kind == "tensorboard":
        return own_tensorboard(rest or None)
    if kind == "wandb":
        return own_run(rest or None)
    if text.endswith(".csv"):
        return CSVFile(Path(text))
    if text.endswith(".html"):
        return HTMLFile(Path(text))
    raise UsageError(f"to={text!r} is no place to write to: {_HELP}")


def write_all(sinks: Iterable[Sink], reading: Reading) -> list[Sink]:
    """Hand the reading to each, and give those that took it: one that fails is warned of, and training goes on.

    A UsageError is passed on: a file of another run is refused at the first reading, before any time is lost.
    """
    kept = []
    for sink in sinks:
        try:
            sink.write(reading)
        except UsageError:
            raise
        except Exception as error:  # a disk that is full, a logger that is gone, a function of the caller's
            warnings.warn(
                f"Monitor: {sink} failed at step {reading.step} ({described(error)}); nothing more is written there",
                RuntimeWarning,
                stacklevel=3,
            )
            close_all([sink])
        else:
            kept.append(sink)
    return kept


def close_all(sinks: Iterable[Sink]) -> None:
    """Close each, whatever becomes of the others."""
    for sink in sinks:
        try:
            sink.close()
        except Exception as error:  # as above
            warnings.warn(f"Monitor: {sink} cannot be closed ({described(error)})", RuntimeWarning, stacklevel=3)


def scalars(reading: Reading) -> Mapping[str, float]:
    """What was seen as numbers, for a logger that takes no gaps."""
    return {f"vae/{name}": value for name, value in numbers(reading).items() if value is not None}
