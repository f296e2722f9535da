"""The losses of a project, in the place of one that code is handed: `criterion(x, x_hat, mu, logvar)`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import partial

from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.evaluations.meeting import meet
from vae_checked.linter.evaluations.reader import LossCall, RoleReader
from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter.construction import construct
from vae_checked.linter.interpreter.interpreter import Substitutes
from vae_checked.linter.interpreter.project import Project
from vae_checked.linter.symbols.values import Class, Function, Instance, Module, Value
from vae_checked.mathematics.names import Role, likely_role_of
from vae_checked.record import dataclass

_MAX_LOSSES = 4


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
            self._project.follow_for(wanted.module)
            losses = [loss for loss in self._losses() if _takes(loss, wanted.call)]
            if len(losses) > _MAX_LOSSES:
                continue
            joined = [(made, loss) for loss in losses if self._reader.joins(made := self._with(wanted, loss))]
            for evaluation, loss in joined:
                evaluation.subject = wanted.subject
                module = loss.scope.module
                met = meet(self._project, loss.name, module, wanted.subject, wanted.module)
                evaluation.loss_is_one_of_several = len(joined) > 1 or not met
                yield evaluation

    def _losses(self) -> Iterator[Function | Class]:
        for module in list(self._project.modules.values()):
            if module.given:
                yield from module.functions()
                yield from (cls for cls in module.classes() if cls.is_module)

    def _with(self, wanted: _Wanted, loss: Function | Class) -> Evaluation:
        if isinstance(loss, Function):
            return wanted.again({wanted.call.taken: loss})
        made = self._project.interpreter.aside(partial(self._made, loss))
        return wanted.again({wanted.call.taken: made} if isinstance(made, Instance) else {})

    def _made(self, loss: Class) -> Value:
        return construct(self._project.interpreter, loss, [], {}, None)


def _takes(loss: Function | Class, call: LossCall) -> bool:
    """Whether a loss takes the heads where a call has them, as many arguments, and those that are given by name."""
    function = loss if isinstance(loss, Function) else loss.find("forward")
    if not isinstance(function, Function):
        return False
    spec = function.node.args
    names = [item.arg for item in (*spec.posonlyargs, *spec.args)][0 if isinstance(loss, Function) else 1 :]
    named = {*names, *(item.arg for item in spec.kwonlyargs)}
    if spec.kwarg is None and not named.issuperset(call.keywords):
        return False
    given = [*names[: call.arguments - len(call.keywords)], *call.keywords]
    required = names[: len(names) - len(spec.defaults)]
    if len(given) < call.arguments or not set(given).issuperset(required):
        return False
    if call.mu == call.second:
        return _asks(function, given[call.mu])
    roles = likely_role_of(given[call.mu]), likely_role_of(given[call.second])
    return roles in ((Role.MU, Role.SECOND), (Role.MU, None), (None, Role.SECOND))


def _asks(function: Function, name: str) -> bool:
    """Whether a function asks what it is given by this name for something that a distribution has."""
    return any(
        isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
        for node in syntax.descendants(function.node)
    )
