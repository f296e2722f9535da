"""One evaluation of the project's code: what it is of, and what it observed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from vae_checked.facts import Fact, Interval
from vae_checked.linter.interpreter.interpreter import StandInModels
from vae_checked.linter.symbols.expression import Expr
from vae_checked.linter.symbols.observations import Observations
from vae_checked.linter.symbols.values import Function, Module, Value, opened
from vae_checked.record import dataclass, field


@dataclass(slots=True)
class Evaluation:
    """What an evaluation is of, the module it stands in, and what it observed.

    `data` is where the project's data lie as far as its pipelines tell, for inputs of which nothing else is known;
    `again` makes the same evaluation once more, with models in the places of some that it takes from outside.
    `model` is the one whose results a loss was handed in this one.
    """

    subject: str
    module: Module
    observations: Observations
    data: Fact[Interval] | None = None
    again: Callable[[StandInModels], Evaluation] | None = None
    model: Evaluation | None = None
    _functions: tuple[Function, ...] | None = field(default=None, init=False, repr=False, compare=False)
    _modules: tuple[Module, ...] | None = field(default=None, init=False, repr=False, compare=False)

    def values(self) -> list[Expr]:
        """Every expression at the edge of a statement."""
        found: list[Expr] = []
        for root in self.observations.roots:
            if isinstance(root.value, Expr):
                found.append(root.value)
            else:
                found.extend(expressions(root.value))
        return found

    def runs(self, paths: Collection[str]) -> bool:
        """Whether code of one of these files was run on the way."""
        return any(function.scope.module.path in paths for function in self.functions())

    def functions(self) -> Sequence[Function]:
        """The functions in which roots stand, each once."""
        if self._functions is None:
            functions = (root.function for root in self.observations.roots if root.function is not None)
            self._functions = tuple({id(function.node): function for function in functions}.values())
        return self._functions

    def modules(self) -> Sequence[Module]:
        """The files that the code stands in, each once, the evaluation's own first."""
        if self._modules is None:
            modules = (self.module, *(function.scope.module for function in self.functions()))
            self._modules = tuple({module.path: module for module in modules}.values())
        return self._modules


def expressions(value: Value) -> Iterator[Expr]:
    """The expressions in a value, tuples, lists and dicts opened, each once."""
    return opened(value, (tuple, list, dict))
