"""The one model of a project, in the place of one that code takes from outside: a trainer's `self.model`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.interpreter.values import Instance, settle
from vae_checked.linter.roles import assemble, divergences, phi, samplers
from vae_checked.linter.symbols.expression import KL, SAMPLE, Expr, Graph, strip
from vae_checked.record import dataclass

if TYPE_CHECKING:
    from vae_checked.linter.interpreter.project import Module, Project

_MAX_MODELS = 4
# What tells a model that a piece of code takes: a parameter or an attribute, and its name.
Taken = tuple[str, object]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An evaluation of code whose KL reads what an unknown model returns."""

    module: Module
    again: Callable[[], Evaluation]
    taken: Taken


class StandIns:
    """The models of a project and the code that takes one of them from outside."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._models: dict[int, tuple[str, Instance]] = {}
        self._wanted: list[_Wanted] = []

    def note(self, evaluation: Evaluation) -> None:
        """Take note of a model that draws, and of what the code of an evaluation takes in the place of one."""
        model = _model(evaluation)
        if model is not None and id(model.cls.node) not in self._models and _draws(evaluation):
            self._models[id(model.cls.node)] = evaluation.subject, model
        if evaluation.again is not None:
            self._wanted += [_Wanted(evaluation.module, evaluation.again, taken) for taken in _taken(evaluation)]

    def evaluations(self) -> Iterator[Evaluation]:
        """The evaluations of code whose KL reads what an unknown model returns, with the model that fits as that one.

        A model fits where its sampler draws with the heads that the KL reads, and no other model as near does.
        """
        for wanted in list(self._wanted) if self._models else ():
            self._project.follow_for(wanted.module)
            for models in self._by_nearness(wanted.module):
                if len(models) > _MAX_MODELS:
                    break
                fitting = [made for subject, model in models if (made := self._with(wanted, subject, model))]
                if len(fitting) == 1:
                    yield fitting[0]
                if fitting:
                    break

    def _by_nearness(self, module: Module) -> Iterator[list[tuple[str, Instance]]]:
        """The models of this file, those that it imports, and all others."""
        near: dict[int, list[tuple[str, Instance]]] = {0: [], 1: [], 2: []}
        for subject, model in self._models.values():
            name = model.cls.name
            imported = name in module.scope.names and settle(module.scope.names, name) is model.cls
            near[0 if model.cls.scope.module is module else 1 if imported else 2].append((subject, model))
        yield from near.values()

    def _with(self, wanted: _Wanted, subject: str, model: Instance) -> Evaluation | None:
        """An evaluation made again with `model` as what it takes; None where this joins no KL with a sampler."""
        interpreter = self._project.interpreter
        interpreter.stand_ins = {wanted.taken: model}
        try:
            again = wanted.again()
        finally:
            interpreter.stand_ins = {}
        again.subject = subject
        return again if assemble.is_joined(again) else None


def _taken(evaluation: Evaluation) -> set[Taken]:
    """What returns both heads of a KL and is not known."""
    values = [value for value in evaluation.values() if value.bits & KL == KL]
    if not values or not any(_maker(node) for node in Graph(values).nodes if node.op == "item"):
        return set()
    makers = ((_maker(kl.location), _maker(kl.head)) for kl in divergences.find(Graph(phi.resolved(values))))
    return {one for one, other in makers if one is not None and one == other}


def _maker(head: Expr) -> Taken | None:
    """The unknown thing whose call returns a head among others."""
    node = strip(head)
    if node.op != "item":
        return None
    while node.op in ("item", "attribute", "part") and node.args:
        node = strip(node.args[0])
    called = node.op == "call" or (node.op == "opaque" and node.get("name") == "call")
    owner = strip(node.args[0]) if called and node.args else None
    return (owner.op, owner.get("name")) if owner is not None and owner.op in ("atom", "attribute") else None


def _model(evaluation: Evaluation) -> Instance | None:
    """The model that an evaluation is the run of."""
    outer = (root.function for root in evaluation.observations.roots if root.function is not None and root.depth == 1)
    owners = (function.bound for function in outer)
    return next((owner for owner in owners if isinstance(owner, Instance) and owner.cls.is_module), None)


def _draws(evaluation: Evaluation) -> bool:
    values = evaluation.values()
    return any(value.bits & SAMPLE for value in values) and bool(samplers.find(Graph(values)))
