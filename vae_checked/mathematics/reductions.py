"""How a term is reduced on its way to the loss: a chain of sums, means, divisions and weights, read axis by axis.

An observer translates what it sees into the steps below; what they amount to, and what counts as a weight that somebody
chose, is decided here for all of them. A division by the batch size is no weight: it is a mean over the batch.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum

from vae_checked.facts import Reduced, Reduction
from vae_checked.mathematics.names import is_kl_weight
from vae_checked.record import dataclass, field


class Extent(StrEnum):
    """Axes that are not written as numbers."""

    ALL = "all"
    SAMPLE = "sample"  # all but the first
    UNKNOWN = "unknown"


Axes = tuple[int, ...] | Extent


@dataclass(frozen=True, slots=True)
class Reduce:
    """A sum or a mean over some axes of what is left of the term at that point."""

    kind: Reduction
    axes: Axes


@dataclass(frozen=True, slots=True)
class Negate:
    """A minus."""


@dataclass(frozen=True, slots=True)
class Number:
    """A factor whose value is known; `named` where it is written as something else than a number.

    `divides` where the term is divided by 1 / value, which may then be the batch size of one run; `of_batch` where a
    batch size is among the factors that it is made of.
    """

    value: float
    text: str = ""
    named: bool = False
    divides: bool = False
    of_batch: bool = False


@dataclass(frozen=True, slots=True)
class Size:
    """The length of an axis as a factor, or below the term where it `divides`; None stands for all axes together."""

    axis: int | None
    text: str = ""
    divides: bool = False


@dataclass(frozen=True, slots=True)
class Weight:
    """A factor whose value is not known, or a divisor where it `divides`: a setting, a schedule, a parameter.

    `turn` where it follows from the number of a loop's turn, as of an epoch, and from numbers alone; `most` is what it
    grows to and stays at.
    """

    text: str = ""
    negative: bool = False
    divides: bool = False
    turn: bool = False
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Tensor:
    """A factor that is computed from data: `positive` where it is known to be.

    `whole` where it has no axes, None where that is not known; `alike` where it has no other axes than the term, and
    `given` where it came with the data, as a mask does: it has none that are not those of an error by itself.
    """

    whole: bool | None
    positive: bool
    alike: bool = False
    given: bool = False


@dataclass(frozen=True, slots=True)
class Reshape:
    """Another shape with the same first axis and `rank` axes; None where that is not known.

    `merges` where the axes are those of before, some of them taken together; the first `kept` are as they were.
    """

    rank: int | None
    merges: bool = False
    kept: int = 1


@dataclass(frozen=True, slots=True)
class Squeeze:
    """Axes of length 1 left out, counted among those that are left; None for whichever have it."""

    axes: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Stack:
    """The term put beside others along a new first axis: that of the samples where each is of one (`of_rows`)."""

    of_rows: bool = False


@dataclass(frozen=True, slots=True)
class Through:
    """An operation that is none of the others."""

    op: str


Scaling = Number | Size | Weight | Tensor
ChainStep = Reduce | Negate | Scaling | Reshape | Squeeze | Stack | Through

# What a term may pass through without losing its axes or the order of its elements: its slope is 1, -1 or 0 each.
_PASSED = frozenset(("abs", "clamp", "nan_to_num", "maximum", "masked", "relu", "where"))
# What bends a term entry by entry, which is its product with a number for each entry then.
_BENDING = frozenset(("sqrt", "log", "log1p", "exp"))
_OF_FORMULAS = (0.5, 1.0, 2.0)
# The batch and one more.
_OF_VECTORS = 2


def is_chosen(value: float) -> bool:
    """Whether a constant factor is one that an author chose, not one that a formula has."""
    return abs(value) not in _OF_FORMULAS


def is_weight(step: ChainStep) -> bool:
    """Whether a step scales a term by something that an author chose: a name, a count, a number of its own.

    The batch size is none: it makes a mean of a sum. Nor is what grows to 1, by which a term counts as it is then.
    """
    if isinstance(step, Number):
        return step.named or is_chosen(step.value)
    if isinstance(step, Weight):
        return step.most != 1.0
    return isinstance(step, Tensor) or (isinstance(step, Size) and step.axis != 0)


@dataclass(slots=True)
class _State:
    """What is left of a term's axes after some steps, counted from the term; `event` is what became of a sample's.

    `axes` are the places of those that are left, None where the rank is not known. `partial` where axes of a term of
    unknown rank were reduced and others may be left: after two of them, for a vector has fewer and a picture more, and
    after one where the term is not presumed `flat`. `split` where a view has made axes of its own, which may be those
    of samples, tokens or steps. `at_once` where one step took the batch of such a term and another axis: a mean of what
    that leaves of two axes has nothing to average, and speaks of a third. `kept` are the first axes that no shape has
    renumbered, None where all are as they were.
    """

    axes: list[int] | None
    flat: bool = True
    batch: Reduction | None = Reduction.KEPT
    event: dict[int, Reduction] = field(default_factory=dict)
    scalings: list[Scaling] = field(default_factory=list)
    spread: bool = False
    stacked: bool = False
    mixed: bool = False
    partial: bool = False
    split: bool = False
    at_once: bool = False
    kept: int | None = None

    def reduced(self, single: Collection[int], steps: Collection[int]) -> Reduced:
        """The state as a fact; over axes of length 1 (`single`) a sum is a mean, and nothing is said of them.

        A mean over `steps` alone may be one over more of the batch.
        """
        ones = {0, *(axis for axis in single if self.kept is None or axis < self.kept)}
        event = {axis: kind for axis, kind in self.event.items() if axis not in ones} or self.event
        left = any(axis not in ones for axis in self.axes or ())
        if self.mixed:
            return scaled(self.batch, Reduction.MIXED, (step for step in self.scalings if isinstance(step, Size)))
        over_event = None if self.partial else _over_event(event, left, self.axes is None)
        averaged = {axis for axis, kind in event.items() if kind is Reduction.MEAN}
        if over_event is Reduction.MIXED and (self.split or (not left and averaged == set(steps))):
            over_event = None
        return scaled(self.batch, over_event, self.scalings)


def scaled(batch: Reduction | None, event: Reduction | None, scalings: Iterable[Scaling]) -> Reduced:
    """Reductions of the batch and of a sample as a fact, with what scales the term besides and what that means.

    A number that divides may be the batch size of one run, unless the batch size divides as well; one that is made of
    it balances what the batch size is in as well. The number of an epoch is none, whatever it is: with it alone, beside
    numbers, the terms are balanced at one batch size again.
    """
    steps = list(scalings)
    sizes = [step for step in steps if isinstance(step, Size) and step.axis in (0, None)]
    over = sum(1 if size.divides else -1 for size in sizes)
    if batch is Reduction.SUM and over > 0:
        batch, over = Reduction.MEAN, over - 1
    weights = [step for step in steps if is_weight(step)]
    unknown = [step for step in weights if isinstance(step, Tensor) or (isinstance(step, Weight) and not step.turn)]
    numbers = [step for step in weights if isinstance(step, Number)]
    may_be_batch = any(step.of_batch or (not sizes and _is_divisor(step)) for step in numbers)
    texts = [step.text for step in weights if not isinstance(step, Tensor) and step.text]
    explicit = bool(weights)
    constant = explicit and not unknown and not may_be_batch
    as_kl = bool(unknown) and not may_be_batch and all(map(_is_of_kl, unknown))
    return Reduced(batch, event, explicit, constant, over, tuple(dict.fromkeys(texts)), as_kl)


def _is_of_kl(step: Scaling) -> bool:
    """Whether a factor is called the weight of the KL: a beta wherever it stands, and any other where it multiplies.

    What divides the error beside the KL may be the batch size by that name.
    """
    if not isinstance(step, Weight) or not is_kl_weight(step.text):
        return False
    return not step.divides or "beta" in step.text.lower()


def _is_divisor(step: Number) -> bool:
    return step.divides and is_chosen(step.value)


def _over_event(event: Mapping[int, Reduction], left: bool, rank_unknown: bool) -> Reduction | None:
    """What becomes of the axes of a sample together."""
    kinds = set(event.values()) | ({Reduction.KEPT} if left else set())
    if not kinds:
        return Reduction.KEPT if rank_unknown else None
    if not event:
        return Reduction.KEPT
    return next(iter(kinds)) if len(kinds) == 1 else Reduction.MIXED


def read(
    chain: Sequence[ChainStep],
    rank: int | None,
    single: Iterable[int] = (),
    steps: Iterable[int] = (),
    *,
    flat: bool = True,
) -> Reduced | None:
    """What a chain, outermost step first, does to the batch axis and to a sample's; None when it cannot be read.

    `rank` is the number of axes of the term, None when it is not known: it is then taken for 2 where the term is
    `flat`, as latents are, and 2 is the least there can be otherwise. `single` are axes of length 1, over which a sum
    is a mean; `steps` may be those of tokens, steps or samples of one input, where an average of all of them says
    nothing of a sample.
    """
    state = _State(list(range(rank)) if rank else None, flat)
    for step in reversed(chain):
        if not _take(state, step):
            return None
        if state.mixed:
            break
    return state.reduced(tuple(single), tuple(steps))


def _take_reduce(state: _State, step: Reduce) -> bool:
    over_stack = state.stacked
    state.stacked = False
    if step.axes is Extent.UNKNOWN or (over_stack and step.axes not in (Extent.ALL, (0,))):
        return False
    if over_stack and step.axes == (0,):
        # Over what was put side by side, as the losses of several samples are.
        return True
    if state.spread:
        # The total of the batch was handed to every element of something, and these are added up.
        state.mixed = step.kind is Reduction.SUM
        return state.mixed
    if step.axes is Extent.ALL:
        _reduce_all(state, step.kind)
        return True
    if step.axes is Extent.SAMPLE:
        _reduce_sample(state, step.kind)
        return True
    return _reduce_axes(state, step.kind, step.axes)


def _reduce_all(state: _State, kind: Reduction) -> None:
    if state.batch is Reduction.KEPT:
        state.batch = kind
    left = state.axes if state.axes is not None else ([] if state.event else [-1])
    state.partial = (state.partial or state.at_once) and set(state.event.values()) != {kind}
    state.event.update({axis: kind for axis in left if axis != 0})
    state.axes = []


def _reduce_sample(state: _State, kind: Reduction) -> None:
    left = state.axes if state.axes is not None else ([0] if state.event else [0, -1])
    state.event.update({axis: kind for axis in left if axis != 0})
    state.axes = [axis for axis in left if axis == 0]


def _reduce_axes(state: _State, kind: Reduction, chosen: tuple[int, ...]) -> bool:
    axes = state.axes
    if axes is None:
        # Rank unknown: axis 0 is the batch, everything else belongs to a sample.
        had_batch = state.batch is Reduction.KEPT
        if state.flat and -2 in chosen and -1 not in chosen:
            # Of rows that is the batch, and of anything else it is not.
            return False
        state.at_once = had_batch and 0 in chosen and len(chosen) > 1
        state.batch = kind if had_batch and 0 in chosen else state.batch
        state.event.update({axis: kind for axis in chosen if axis or not had_batch})
        if state.event:
            state.axes = [0] if state.batch is Reduction.KEPT else []
            state.partial = len(state.event) == 2 or (len(state.event) == 1 and not state.flat)
        return True
    remaining = list(axes)
    for axis in chosen:
        if not -len(axes) <= axis < len(axes):
            # Over an axis of what has none: it stays as it is.
            return not axes
        original = axes[axis]
        if original in remaining:
            remaining.remove(original)
        if original == 0:
            state.batch = kind
        else:
            state.event[original] = kind
    state.axes = remaining
    return True


def _take_tensor(state: _State, step: Tensor) -> bool:
    if step.alike or (step.given and state.batch is Reduction.KEPT and not state.event):
        return _weigh_entries(state, step)
    if state.axes != [] or step.whole is None:
        return False
    state.spread = not step.whole
    state.scalings.append(step)
    return True


def _weigh_entries(state: _State, step: Tensor) -> bool:
    """Weigh a term entry by entry: where a mean follows on a sum then, it is not known to be one over the sample."""
    state.scalings.append(step)
    state.split = state.split or state.axes != []
    return True


def _take_squeeze(state: _State, step: Squeeze) -> bool:
    """Leave out axes that a number names: it is there because they have length 1. The batch is none of them."""
    axes = state.axes
    if axes is None or state.stacked:
        return True
    if step.axes is None:
        # Whether one axis beside the batch has length 1 is not known.
        state.split = state.split or (len(axes) == _OF_VECTORS and bool(state.event))
        return True
    dropped = {axes[axis] for axis in step.axes if -len(axes) <= axis < len(axes)}
    state.axes = [axis for axis in axes if axis == 0 or axis not in dropped]
    return True


def _take_reshape(state: _State, step: Reshape) -> bool:
    if step.rank is None or state.event or state.batch is not Reduction.KEPT:
        return False
    state.axes = list(range(step.rank))
    state.kept = step.kept if state.kept is None else min(state.kept, step.kept)
    state.split = state.split or (step.rank > _OF_VECTORS and not step.merges)
    return True


def _take_stack(state: _State, *, of_rows: bool) -> bool:
    """Put a term beside others. What was reduced of one row is a sample's, whichever axes it is said to be."""
    if not of_rows:
        stacked, state.stacked = state.stacked, True
        return not stacked
    if state.batch is not Reduction.KEPT and state.batch is not None and not state.event:
        state.event[-1] = state.batch
    if state.stacked or not state.event:
        return False
    state.batch, state.axes = Reduction.KEPT, [0]
    return True


def _take(state: _State, step: ChainStep) -> bool:
    """Take one step; False where what it does to the axes is not known."""
    match step:
        case Reduce():
            return _take_reduce(state, step)
        case Number() | Size() | Weight():
            state.scalings.append(step)
            return True
        case Tensor():
            return _take_tensor(state, step)
        case Reshape():
            return _take_reshape(state, step)
        case Squeeze():
            return _take_squeeze(state, step)
        case Stack():
            return _take_stack(state, of_rows=step.of_rows)
        case Through():
            if step.op in _BENDING:
                # A norm of a sample is no sum over it, nor that of all a sum over these; a mean of all is one number.
                is_each = state.batch is Reduction.KEPT and not state.event
                bends = is_each or state.batch is Reduction.MEAN
                return bends and _weigh_entries(state, Tensor(whole=True, positive=True))
            return step.op in _PASSED
        case Negate():
            return True


def repeated(shared: Sequence[ChainStep], own: Reduced | None, other: Reduced | None) -> bool:
    """Whether a term that has no batch axis left is added to each sample of the other one.

    A term without any axis is charged once per sample where these are summed; one that has its own axes left is added
    to samples by their position.
    """
    if own is None or other is None:
        return False
    if own.batch is Reduction.SUM and own.event is Reduction.KEPT and other.batch is Reduction.KEPT:
        return other.event in (Reduction.SUM, Reduction.MEAN)
    if not any(isinstance(step, Reduce) and step.kind is Reduction.SUM for step in shared):
        return False
    done = Reduction.KEPT not in (own.batch, own.event)
    return done and other.batch is Reduction.KEPT


def balancing(shared: Sequence[ChainStep], own: Reduced | None, other: Reduced | None) -> tuple[ChainStep, ...]:
    """The steps above both terms that matter for their balance.

    Where one is a sum over the batch and the other a mean already, what scales the two together makes up for nothing.
    """
    if own is None or other is None or {own.batch, other.batch} != {Reduction.SUM, Reduction.MEAN}:
        return tuple(shared)
    return tuple(step for step in shared if not isinstance(step, (Number, Size)))


def is_shared(step: ChainStep) -> bool:
    """Whether a step above both terms of a loss says how they are reduced; what weighs both alike balances nothing."""
    if isinstance(step, Number):
        return not step.named and not _is_divisor(step)
    return isinstance(step, (Reduce, Reshape, Squeeze, Stack, Negate)) or (isinstance(step, Size) and step.divides)


def is_inner(step: ChainStep) -> bool:
    """Whether a step inside a formula says how it is reduced; what scales its parts belongs to the formula."""
    return isinstance(step, (Reduce, Reshape, Squeeze, Stack)) or (isinstance(step, Size) and step.divides)


def weighs_formula(step: ChainStep) -> bool:
    """Whether a step at the top of a formula is a weight; a number that has no name may belong to the formula."""
    if isinstance(step, Number):
        return step.named or _is_divisor(step)
    return isinstance(step, Weight) or (isinstance(step, Size) and step.axis != 0)


def summed_over_samples(chain: Sequence[ChainStep], shared: int, samples: float) -> tuple[ChainStep, ...]:
    """The chain of the errors of several samples of one input, which add up, from the chain of one of them.

    A division by their number, below the `shared` steps that the KL takes too, makes a mean of them: no weight.
    """
    if samples == 1:
        return tuple(chain)
    for index, step in enumerate(chain):
        if index >= shared and isinstance(step, Number) and math.isclose(abs(step.value) * samples, 1.0, rel_tol=1e-6):
            return (*chain[:index], *((Negate(),) if step.value < 0 else ()), *chain[index + 1 :])
    return (*chain, Number(float(samples)))
