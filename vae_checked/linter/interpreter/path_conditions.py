"""The way through unknown conditions on which a statement is run: what holds there, and what a value is under it."""

from __future__ import annotations

from collections.abc import Callable

from vae_checked.linter.symbols.conditions import Equality, Steps, equality
from vae_checked.linter.symbols.expression import Expr
from vae_checked.linter.symbols.values import Choice, Value


class Path:
    """The conditions around a statement, outermost first, each with whether it holds."""

    __slots__ = ("_steps", "_taken")

    def __init__(self) -> None:
        self._steps: list[tuple[Expr, bool, Equality | None]] = []
        self._taken: list[Steps] = [()]

    @property
    def steps(self) -> Steps:
        """The conditions around what is run now, outermost first, each with whether it holds."""
        return self._taken[-1]

    def under(self, condition: Expr, holds: bool) -> Path:
        """What is run inside a `with` of this is run where `condition` holds, or does not."""
        self._steps.append((condition, holds, equality(condition)))
        self._taken.append((*self.steps, (condition, holds)))
        return self

    def in_both(self, choice: Choice, work: Callable[[Value], Value]) -> tuple[Value, Value]:
        """What `work` comes to with each of two things, run where the condition that chooses them takes that one."""
        with self.under(choice.condition, True):
            one = work(choice.one)
        with self.under(choice.condition, False):
            return one, work(choice.other)

    def __enter__(self) -> None:
        """The step was taken when the path was asked for."""

    def __exit__(self, *_: object) -> None:
        self._steps.pop()
        self._taken.pop()

    def holds(self, condition: Expr) -> bool | None:
        """Whether a condition holds on this path; None where the path does not tell."""
        if not self._steps:
            return None
        if condition.op == "opaque" and condition.get("name") == "not":
            inner = self.holds(condition.args[0])
            return None if inner is None else not inner
        asked = equality(condition)
        for step, holds, known in reversed(self._steps):
            if step.uid == condition.uid:
                return holds
            if asked is None or known is None or known[0] != asked[0]:
                continue
            if known[1] == asked[1]:
                return holds is (known[2] is asked[2])
            if holds is not known[2]:
                # It equals another constant.
                return asked[2]
        return None

    def taken(self, value: Value) -> Value:
        """A value that a condition chose, where the path says which it chose."""
        while self._steps and isinstance(value, Expr) and value.op == "phi":
            holds = self.holds(value.args[0])
            if holds is None:
                break
            value = value.args[1 if holds else 2]
        return value
