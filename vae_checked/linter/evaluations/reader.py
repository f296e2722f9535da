"""What the choice of evaluations asks about the roles of values, which are read from evaluations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.symbols.expression import Expr
from vae_checked.linter.symbols.taken import Call, Taken
from vae_checked.linter.symbols.values import Value
from vae_checked.mathematics.names import Role
from vae_checked.record import dataclass


@dataclass(frozen=True, slots=True)
class LossCall:
    """A call of something unknown: what tells that, how many arguments it has, and at which places both heads.

    Of the arguments the last ones are given by `keywords`. An object that holds both heads stands at one place. Where
    nothing is drawn from what is handed over, the heads are known `by_names`.
    """

    taken: Taken
    arguments: int
    mu: int
    second: int
    keywords: tuple[str, ...] = ()
    by_names: bool = False


@dataclass(frozen=True, slots=True)
class Handed:
    """A `model` that code is handed and trains, and how it calls it; with a `loss` that it is handed as well, if so."""

    model: Taken
    calls: frozenset[Call]
    loss: LossCall | None = None


class RoleReader(Protocol):
    """Whoever knows samplers and divergences from other expressions."""

    def roles_of_outputs(
        self, inputs: Iterable[Value], outputs: Value, values: Iterable[Expr], names: Mapping[int, list[str]]
    ) -> dict[str, Value]:
        """The parts of a forward's result by role: known by what they are, and by `names` where nothing is drawn."""

    def taken_models(self, evaluation: Evaluation) -> dict[Taken, set[Call]]:
        """What is not known and is called for both heads of a KL, or for parts of a loss that are put together here.

        With each the ways in which it is called.
        """

    def used_as_one(self, evaluation: Evaluation) -> set[tuple[Taken, str]]:
        """What is called for parts of a loss, with the method, where its result can be no tuple."""

    def heads_of(self, evaluation: Evaluation) -> dict[str, Role]:
        """The parameters of the function that was run which the one KL in it is of."""

    def loss_calls(self, evaluation: Evaluation) -> list[LossCall]:
        """The calls of something unknown that have both heads of a sampler among their arguments."""

    def handed(self, evaluation: Evaluation) -> list[Handed]:
        """The unknown models whose results are differentiated: as they return them, or by a loss that is unknown too.

        The loss is known by what it is called with: both heads of one model, by their names.
        """

    def draws(self, evaluation: Evaluation) -> bool:
        """Whether an evaluation has a sampler."""

    def joins(self, evaluation: Evaluation) -> bool:
        """Whether the function that was run has a value with a KL that reads the heads which a sampler draws with."""

    def holds_joined(self, evaluation: Evaluation) -> bool:
        """Whether any function that was run has a KL that reads the heads which a sampler draws with."""

    def trains_joined(self, evaluation: Evaluation) -> bool:
        """Whether what is differentiated has a KL that reads the heads which a sampler draws with."""

    def leaves_out_joined(self, evaluation: Evaluation) -> bool:
        """Whether something is differentiated, and none of it has a KL that reads a sampler's heads."""

    def departs(self, evaluation: Evaluation) -> bool:
        """Whether a KL is that of no parametrisation, or may read its head otherwise than the sampler beside it."""
