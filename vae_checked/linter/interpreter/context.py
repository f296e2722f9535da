"""What the parts of the interpreter ask of the interpreter, and of the imports of the project."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from enum import Enum
from typing import Final, Protocol, TypeAlias

from vae_checked.linter.files.configurations import Configuration
from vae_checked.linter.files.source import SourceCell
from vae_checked.linter.interpreter.path_conditions import Path
from vae_checked.linter.symbols.expression import Expr, Site
from vae_checked.linter.symbols.observations import Root
from vae_checked.linter.symbols.values import Class, Function, Instance, Module, Scope, Value
from vae_checked.linter.torch_model.evaluator import Evaluator
from vae_checked.record import dataclass, field


class Ending(Enum):
    """How statements end that return no value: none of them did, or one of them raised."""

    NOTHING = "nothing returned"
    RAISED = "raised"


class Unread(Enum):
    """What a call comes to that is not followed, or not with these arguments."""

    UNREAD = "unread"


UNREAD: Final = Unread.UNREAD
Result: TypeAlias = "Value | Unread"
NOTHING: Final = Ending.NOTHING
RAISED: Final = Ending.RAISED
# What statements hand on: the value that was returned, or why there is none.
Outcome: TypeAlias = "Value | Ending"


@dataclass(slots=True)
class Frame:
    """One function that is being run, or the top level of a module, and the statement that it has come to.

    What a generator has `yielded` so far is kept, None where it has yielded nothing. `given` is what it was handed,
    `steps_before` the number of conditions around the call of it, `differentiated` what gradients were added up of.
    """

    function: Function | None
    scope: Scope
    source: SourceCell
    node: ast.AST | None = None
    statement: ast.AST | None = None
    yielded: list[Value] | None = None
    called_at: Site | None = None
    given: tuple[Value, ...] = ()
    steps_before: int = 0
    differentiated: list[Root] = field(default_factory=list)


class Imports(Protocol):
    """The modules of a project and the names that they import from each other."""

    def deferred_module(self, dotted: str, importer: Module) -> Value:
        """`import dotted`, done when the name is first used."""

    def deferred_name(self, dotted: str, level: int, name: str, importer: Module) -> Value:
        """`from dotted import name`, done when the name is first used."""

    def star_import(self, dotted: str, level: int, importer: Module) -> dict[str, Value]:
        """`from dotted import *`."""

    def beside(self, package: str, importer: Module) -> list[Module]:
        """The files of the project that lie in the folder of a package, as seen from `importer`."""

    def known(self, dotted: str) -> Value:
        """A name outside the project: the class of a library whose methods are known, or something external."""

    def configurations(self, importer: Module) -> Sequence[Configuration]:
        """The files of settings near a file, those that it names first."""

    def member(self, owner: Value, name: str) -> Value:
        """owner.name where owner is a module of the project; None where it is something else."""


class Context(Evaluator, Protocol):
    """The interpreter as its statements, expressions and calls see it."""

    @property
    def imports(self) -> Imports:
        """The modules of the project."""

    @property
    def frames(self) -> list[Frame]:
        """The functions and top levels that are being run, the innermost last."""

    @property
    def path(self) -> Path:
        """The conditions under which the statement is run that is being run."""

    @property
    def configured_by(self) -> str:
        """The file whose settings hold, where it is one that is asked for; empty otherwise."""

    @property
    def supposed(self) -> Mapping[str, str]:
        """What settings of today are supposed to be instead."""

    @property
    def goes_both_ways(self) -> bool:
        """Whether branches are run as well that a default leaves out and in which a VAE is used."""

    @property
    def shuts_models(self) -> bool:
        """Whether the models are not entered that do not encode or decode."""

    @property
    def trains_library_models(self) -> bool:
        """Whether what libraries have of VAEs is made as a model that trains, and not as one that is used."""

    def site(self, node: ast.AST) -> Site:
        """Where `node` is written: one and the same object as often as the node is evaluated."""

    def eval(self, node: ast.expr, scope: Scope) -> Value:
        """The value of an expression."""

    def begin(self, statement: ast.stmt) -> None:
        """Count one step of the budget for a statement; what does not end is cut off."""

    def charge(self, *values: Value) -> None:
        """Count the steps that going through values takes: a list is as long as its parts and theirs are many."""

    def root(self, value: Value, kind: str, name: str, node: ast.AST) -> None:
        """Record a value at the edge of a statement."""

    @property
    def gradient_is_off(self) -> bool: ...

    def gradient(self, *, off: bool) -> AbstractContextManager[None]:
        """What is run inside a `with` of this is run under torch's no_grad, or under its enable_grad."""

    @property
    def turns(self) -> int:
        """How often the loops around what is run go round together."""

    @property
    def steps_left(self) -> int:
        """The steps that what is run may still take."""

    def turning(self, count: int, loop: ast.AST | None = None) -> AbstractContextManager[None]:
        """What is run inside a `with` of this is run in so many turns of one more loop, `loop` if of unknown length."""

    @property
    def is_repeated(self) -> bool:
        """Whether what is run stands in a loop of unknown length."""

    def assume(self, condition: Expr, holds: bool) -> None:
        """Take note that a condition holds, or does not, with the model that is kept of those which it chooses from."""

    def instead_of(self, cls: Class) -> Class:
        """The class of which an object is made where one of `cls` is asked for."""

    def stand_in(self, value: Value) -> Instance | Function | None:
        """The model or loss that stands in for something that code takes from outside, where one does."""
