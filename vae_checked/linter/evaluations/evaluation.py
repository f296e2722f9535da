"""One evaluation of the project's code: what it is of, and what it observed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeVar, cast

from vae_checked.facts import Fact, Interval
from vae_checked.linter.interpreter.interpreter import Substitutes
from vae_checked.linter.symbols.expression import PHI, Expr, Graph
from vae_checked.linter.symbols.observations import Observations
from vae_checked.linter.symbols.values import Function, Instance, Module, Value, opened
from vae_checked.record import dataclass, field

T = TypeVar("T")


@dataclass(slots=True)
class Evaluation:
    """What an evaluation is of, the module it stands in, and what it observed.

    `data` is where the project's data lie as far as its pipelines tell, for inputs of which nothing else is known;
    `again` makes the same evaluation once more, with models in the places of some that it takes from outside.
    `model` is the one whose results a loss was handed in this one; `loss_is_one_of_several` that may be chosen, and
    which of them goes with the model is not known. `order_is_supposed` where the heads were handed over by the names of
    the loss's parameters, and code that calls the loss may do it in another order. `model_is_supposed` where a model of
    the project stands for one that the code takes from outside, whose settings are not those of the code. `instance` is
    the object whose methods were run; `function` is the subject as which a function was run. `of_a_test` where the
    function or the class is one of a test.
    """

    subject: str
    module: Module
    observations: Observations
    data: Fact[Interval] | None = None
    again: Callable[[Substitutes], Evaluation] | None = None
    model: Evaluation | None = None
    loss_is_one_of_several: bool = False
    order_is_supposed: bool = False
    model_is_supposed: bool = False
    instance: Instance | None = None
    function: str = ""
    of_a_test: bool = False
    _read: dict[Callable[[Evaluation], object], object] = field(default_factory=dict, init=False, repr=False)

    @property
    def of_function(self) -> bool:
        """Whether the subject is a function, and not a model that was put into its place."""
        return self.function == self.subject

    def values(self) -> Sequence[Expr]:
        """Every expression at the edge of a statement."""
        return self.read_once(_values)

    def names(self) -> Mapping[int, Sequence[str]]:
        """The names that values went by: here, or where the model was run whose results a loss was handed."""
        own = self.observations.names
        return own if self.model is None else {**self.model.observations.names, **own}

    def open_parts(self) -> Collection[str]:
        """The classes of parts that were taken where others may be: here, or at the top level of code that was run."""
        return self.observations.open_parts.union(*(module.open_parts for module in self.modules()))

    def open_trainers(self) -> Collection[str]:
        """The classes of what steps an optimizer that were taken so."""
        return self.observations.open_trainers.union(*(module.open_trainers for module in self.modules()))

    def met(self) -> Mapping[int, Mapping[int, bool]]:
        """By the number of a value the conditions on which alone it is met, by theirs, and whether they hold there."""
        return self.read_once(_met)

    def graph(self) -> Graph:
        """The nodes of these expressions, their branches as they are."""
        return self.read_once(_graph)

    def runs(self, paths: Collection[str]) -> bool:
        """Whether code of one of these files was run on the way."""
        return any(function.scope.module.path in paths for function in self.functions())

    def functions(self) -> Sequence[Function]:
        """The functions in which roots stand, each once."""
        return self.read_once(_functions)

    def modules(self) -> Sequence[Module]:
        """The files that the code stands in, each once, the evaluation's own first."""
        return self.read_once(_modules)

    def read_once(self, reader: Callable[[Evaluation], T]) -> T:
        """What `reader` finds in this evaluation: asked for each of its samplers, read once."""
        if reader not in self._read:
            self._read[reader] = reader(self)
        return cast("T", self._read[reader])

    def forget(self) -> None:
        """Hold nothing of what was read: others refer to this evaluation for longer than it is asked about."""
        self._read.clear()


def _values(evaluation: Evaluation) -> tuple[Expr, ...]:
    found: list[Expr] = []
    opened_before: set[int] = set()
    for root in evaluation.observations.roots:
        if isinstance(root.value, Expr):
            found.append(root.value)
        else:
            found.extend(expressions(root.value, opened_before))
    return tuple(found)


def _met(evaluation: Evaluation) -> dict[int, dict[int, bool]]:
    found: dict[int, dict[int, bool]] = {}
    opened_before: set[int] = set()
    for root in evaluation.observations.roots:
        value = root.value
        if not isinstance(value, Expr):
            # What is held by others may be met again wherever these are.
            found.update((item.uid, {}) for item in expressions(value, opened_before))
        elif value.bits & PHI:
            known = {condition.uid: holds for condition, holds in root.path}
            before = found.get(value.uid, known)
            found[value.uid] = {uid: holds for uid, holds in known.items() if before.get(uid) is holds}
    return found


def _graph(evaluation: Evaluation) -> Graph:
    return Graph(evaluation.values())


def _functions(evaluation: Evaluation) -> tuple[Function, ...]:
    functions = (root.function for root in evaluation.observations.roots if root.function is not None)
    return tuple({id(function.node): function for function in functions}.values())


def _modules(evaluation: Evaluation) -> tuple[Module, ...]:
    modules = (evaluation.module, *(function.scope.module for function in evaluation.functions()))
    return tuple({module.path: module for module in modules}.values())


def expressions(value: Value, seen: set[int] | None = None) -> Iterator[Expr]:
    """The expressions in a value, tuples, lists and dicts opened, each once; `seen` as for `opened`."""
    return opened(value, (tuple, list, dict), seen)
