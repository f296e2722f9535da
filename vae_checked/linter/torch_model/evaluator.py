"""What the model of torch asks of whoever evaluates the code around a call of torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from vae_checked.linter.symbols.expression import Site
from vae_checked.linter.symbols.observations import Observations, ProjectObservations
from vae_checked.linter.symbols.values import Function, Value


class Evaluator(Protocol):
    """Runs functions of the project on symbols, and says under which circumstances."""

    @property
    def observations(self) -> Observations:
        """What the evaluation that goes on has observed."""

    @property
    def project_observations(self) -> ProjectObservations:
        """What all evaluations have observed of the project."""

    @property
    def gradient_is_off(self) -> bool:
        """Whether what is evaluated stands under `no_grad`."""

    def running(self) -> Iterator[Function]:
        """The functions that are being run."""

    def serial(self) -> int:
        """A number that was not given out before."""

    def call(self, target: Value, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        """Call any value."""

    def invoke(self, function: Function, args: list[Value], kwargs: dict[str, Value], site: Site | None) -> Value:
        """Run a function of the project."""

    def aside(self, work: Callable[[], Value]) -> Value:
        """What `work` comes to, its observations left out of those of the evaluation that goes on."""
