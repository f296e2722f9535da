"""The settings of other files than the one whose names an evaluation went by: another model, with its own loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.evaluations.reader import RoleReader
from vae_checked.linter.interpreter.interpreter import Substitutes
from vae_checked.linter.interpreter.project import Project
from vae_checked.linter.symbols.values import Module
from vae_checked.record import dataclass

# The evaluations that are made by the settings of another file.
_MAX_TRIED = 6


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An evaluation that went by the names in one file, and the others that have such names."""

    again: Callable[[Substitutes], Evaluation]
    module: Module
    others: tuple[str, ...]


class OtherConfigurations:
    """The files of settings that choose other parts of a training than those that were put together."""

    def __init__(self, project: Project, reader: RoleReader) -> None:
        self._project = project
        self._reader = reader
        self._wanted: list[_Wanted] = []

    def note(self, evaluation: Evaluation) -> None:
        """Take note of the files of settings that an evaluation did not go by."""
        others = evaluation.observations.other_configurations
        if evaluation.again is not None and others:
            self._wanted.append(_Wanted(evaluation.again, evaluation.module, others))

    def evaluations(self) -> Iterator[Evaluation]:
        """The evaluations made again by the settings of each other file, of those that join a VAE."""
        tried = [(wanted, path) for wanted in self._wanted for path in wanted.others]
        for wanted, path in tried[:_MAX_TRIED]:
            if self._project.is_spent:
                return
            self._project.follow_for(wanted.module)
            again = self._project.interpreter.configured(path, partial(wanted.again, {}))
            if self._reader.joins(again):
                # One that is made by request asks for no others.
                again.again = None
                yield again
