"""The losses of a project, in the place of one that code is handed: `criterion(x, x_hat, mu, logvar)`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.evaluations.fitting_losses import as_stand_in, fitting
from vae_checked.linter.evaluations.meeting import meet
from vae_checked.linter.evaluations.reader import LossCall, RoleReader
from vae_checked.linter.interpreter.interpreter import Substitutes
from vae_checked.linter.interpreter.project import Project
from vae_checked.linter.symbols.values import Class, Function, Module
from vae_checked.record import dataclass


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An evaluation in which something unknown is called with both heads of a sampler."""

    subject: str
    module: Module
    again: Callable[[Substitutes], Evaluation]
    call: LossCall


class LossesByChoice:
    """The losses that take both heads, and the code that is handed one of them."""

    def __init__(self, project: Project, reader: RoleReader) -> None:
        self._project = project
        self._reader = reader
        self._wanted: list[_Wanted] = []

    def note(self, evaluation: Evaluation) -> None:
        """Take note of what an evaluation calls with both heads and does not know."""
        again = evaluation.again
        if again is not None:
            calls = self._reader.loss_calls(evaluation)
            self._wanted += [_Wanted(evaluation.subject, evaluation.module, again, call) for call in calls]

    def evaluations(self) -> Iterator[Evaluation]:
        """The evaluations made again with each loss of the project whose parameters are named as the call has them.

        Where there are several, what each one does by itself is known, and not which of them goes with this model.
        """
        for wanted in self._wanted:
            if self._project.is_spent:
                return
            self._project.follow_for(wanted.module)
            losses = fitting(self._project, wanted.call)
            joined = [(made, loss) for loss in losses if self._reader.joins(made := self._with(wanted, loss))]
            for evaluation, loss in joined:
                evaluation.subject = wanted.subject
                module = loss.scope.module
                met = meet(self._project, loss.name, module, wanted.subject, wanted.module)
                evaluation.loss_is_one_of_several = len(joined) > 1 or not met
                yield evaluation

    def _with(self, wanted: _Wanted, loss: Function | Class) -> Evaluation:
        made = as_stand_in(self._project, loss)
        return wanted.again({} if made is None else {wanted.call.taken: made})
