"""The record of a run, operation by operation: values, and the steps between them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache

import torch
from torch import Tensor
from torch._ops import OpOverload

from vae_checked.auditor.recording import randomness
from vae_checked.auditor.restoring.restored import Generators


@dataclass(frozen=True, slots=True)
class Ref:
    """Stands for the value of this number in the arguments of a step."""

    number: int


@dataclass(slots=True, eq=False)
class RecordedValue:
    """One tensor at one moment: an in-place operation makes a new value of the same tensor.

    `sources` is a set of bits: which inputs, parameters and draws the value depends on. `snapshot` is a copy, kept
    where the tensor is overwritten later.
    """

    number: int
    tensor: Tensor
    step: int | None
    sources: int
    storage: int
    name: str = ""
    snapshot: Tensor | None = None
    overwritten: bool = False

    @property
    def data(self) -> Tensor:
        """The recorded content, cut from its gradient graph."""
        return self.tensor.detach() if self.snapshot is None else self.snapshot


@dataclass(frozen=True, slots=True)
class Step:
    """One operation: its arguments with a Ref for every tensor, and the numbers of the values that it made.

    `slots` are the places of the outputs among all that the operation returned. `by_line` where the line at `frame`
    asked for the operation itself, and not a function of torch that it calls. `gathers` where it is none, but stands
    for the first of `inputs` as it is once the others were written into it, `whole` where nothing is left of what stood
    there. `name` is the operation without namespace and overload: `mul`, `normal_`.
    """

    index: int
    op: OpOverload
    args: tuple[object, ...]
    kwargs: dict[str, object]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    slots: tuple[int, ...]
    overwrites: tuple[int, ...]
    grad: bool
    frame: tuple[str, int] | None
    draw: int | None = None
    by_line: bool = True
    gathers: bool = False
    whole: bool = False
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", "gathered" if self.gathers else _name_of(self.op))

    @property
    def pointwise(self) -> bool:
        """Every element of the output follows from the elements of the inputs at its place."""
        return torch.Tag.pointwise in self.op.tags or self.name in ("_to_copy", "clone", "detach", "alias")


@cache
def _name_of(op: OpOverload) -> str:
    return str(op.overloadpacket.__name__)


@dataclass(slots=True)
class Draw:
    """One call of a random source: the value it made, its family, how it is written, and the numbers it was given."""

    index: int
    number: int
    family: randomness.Family
    source: str
    parameters: tuple[float, ...] | None
    step: int | None


@dataclass(frozen=True, slots=True)
class Planned:
    """A step to run again, and the values that nothing after it needs.

    `places` are those of its arguments that are values, with the number of each; `nested` where others hold some.
    `makes_one` where it makes one tensor and writes to none; `may_be_cut` where was_cut is to be asked.
    """

    step: Step
    done_with: tuple[int, ...]
    places: tuple[tuple[int, int], ...]
    nested: bool
    makes_one: bool
    may_be_cut: bool


@dataclass(slots=True)
class Tape:
    """Everything recorded: values by number, steps in order, draws in order.

    `copies` are values that were computed before, by the same operation on the same values, with the first of each, and
    `taken` is what a step took itself, by its index, where the first of a copy stands among its inputs.
    """

    values: list[RecordedValue] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    draws: list[Draw] = field(default_factory=list)
    generators: Generators = field(default_factory=list)
    copies: dict[int, int] = field(default_factory=dict)
    taken: dict[int, tuple[int, ...]] = field(default_factory=dict)
    plans: dict[Hashable, list[Planned]] = field(default_factory=dict, repr=False)

    INPUT = 1
    PARAMETER = 2

    @staticmethod
    def bit(draw: Draw) -> int:
        """The source bit of a draw."""
        return 1 << (draw.index + 2)

    def first_of(self, number: int) -> int:
        """The first value that was computed as this one was; itself where one of the two was overwritten since."""
        first = self.copies.get(number, number)
        return number if self.values[number].overwritten or self.values[first].overwritten else first

    def copies_of(self, number: int) -> tuple[int, ...]:
        """The value, and those that were computed as it was."""
        return (number, *(copy for copy, first in self.copies.items() if first == number))

    def note_lines(self, ends: Iterable[int]) -> None:
        """Put each value that `ends` follow from by a copy alone at the line of that copy: the first led nowhere."""
        stack = list(ends)
        used = set(stack)
        while stack:
            index = self.values[stack.pop()].step
            for each in () if index is None else self.taken.get(index, self.steps[index].inputs):
                if each not in used:
                    used.add(each)
                    stack.append(each)
        for copy, first in self.copies.items():
            made, again = self.values[first].step, self.values[copy].step
            if copy in used and first not in used and made is not None and again is not None:
                ran = self.steps[again]
                self.steps[made] = replace(self.steps[made], frame=ran.frame, by_line=ran.by_line)

    def drawn(self, number: int) -> bool:
        """Whether the value depends on any draw."""
        return self.values[number].sources >> 2 != 0
