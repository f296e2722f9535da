"""What there is to know of one operation of torch: one record, from which every table of it is made."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from enum import Enum, auto
from typing import Protocol, TypeVar

from vae_checked.facts import REAL, Interval
from vae_checked.mathematics.interval_arithmetic import image
from vae_checked.record import dataclass, field

T = TypeVar("T")
# A setting of an operation: a number, a mode, None for "no such bound".
Setting = float | str | None
# What an operation makes of the intervals of its arguments (None where unknown) under its settings.
IntervalRule = Callable[[Sequence[Interval | None], Sequence[Setting]], Interval | None]


class Build(Protocol[T]):
    """Makes the value of an operation, applied to values, with settings."""

    def __call__(self, name: str, *operands: T, **settings: Hashable) -> T: ...


class Rewriting(Protocol):
    """What a call amounts to in other operations: its arguments in order, without an optional one not given."""

    def __call__(
        self, build: Build[T], number: Callable[[float], T], operands: Sequence[T], settings: Mapping[str, Hashable]
    ) -> T: ...


class Kind(Enum):
    """What an operation does to the elements of its arguments."""

    # Each element of the result follows from the elements at its place.
    ARITHMETIC = auto()
    FUNCTION = auto()
    ACTIVATION = auto()
    CHOICE = auto()
    # The same elements ...
    COPY = auto()  # ... at the same places
    RESHAPE = auto()  # ... in the same order
    MOVE = auto()  # ... in another order
    PART = auto()  # ... some of them, that lie together
    PICK = auto()  # ... some of them, by their indices
    JOIN = auto()  # ... and those of other tensors
    # One element from many.
    REDUCTION = auto()
    NORMALISED = auto()  # ... along an axis, which keeps its length
    WINDOW = auto()  # ... that lie side by side
    CONTRACTION = auto()  # ... by sums of products
    LEARNED = auto()  # ... by weights that training sets


_ELEMENTWISE = frozenset((Kind.ARITHMETIC, Kind.FUNCTION, Kind.ACTIVATION, Kind.CHOICE))
_LAYOUT = frozenset((Kind.COPY, Kind.RESHAPE, Kind.MOVE, Kind.PART))


@dataclass(frozen=True, slots=True)
class Argument:
    """A tensor argument; one that need not be given is a number that scales, as `alpha` of `torch.add`."""

    name: str
    spelled: tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number or mode that sets how an operation works, as `negative_slope`; None by default for "no such bound"."""

    name: str
    default: Setting = None
    spelled: tuple[str, ...] = ()


INPUT = Argument("input", ("self", "x", "a"))
OTHER = Argument("other")


@dataclass(frozen=True, slots=True)
class Names:
    """How an operation is written: `torch.f`, `Tensor.f`, `F.f`, `nn.F`, its aten packet, and in other libraries."""

    torch: tuple[str, ...] = ()
    tensor: tuple[str, ...] = ()
    functional: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    aten: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()

    @property
    def functions(self) -> frozenset[str]:
        """The last part of every name under which the operation is called as a function or a method."""
        return frozenset((*self.torch, *self.tensor, *self.functional, *self.elsewhere))


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its kind, arguments and parameters, its value on numbers, its interval, its names.

    `value` takes the arguments and then the parameters; it raises ValueError or ZeroDivisionError where torch gives
    NaN or an infinite value, and OverflowError beyond the numbers. `interval` is None where nothing is known. A call
    that is `rewritten` never becomes a node of a graph: it is read as the operations that it amounts to.
    `special_case_of` names the operation that torch runs in its place, and its parameters then.
    `increasing`: a larger argument never gives a smaller result. `squashing`: it takes the real line to a bounded
    interval, symmetrically. `closes`: a decoder may end with it.
    """

    name: str
    kind: Kind
    names: Names = field(default_factory=Names)
    value: Callable[..., float] | None = None
    interval: IntervalRule | None = None
    arguments: tuple[Argument, ...] = (INPUT,)
    parameters: tuple[Parameter, ...] = ()
    rewritten: Rewriting | None = None
    special_case_of: tuple[str, tuple[Setting, ...]] | None = None
    increasing: bool = False
    squashing: bool = False
    closes: bool = False

    @property
    def elementwise(self) -> bool:
        """Each element of the result follows from the elements at the same place of the arguments."""
        return self.kind in _ELEMENTWISE

    @property
    def is_layout(self) -> bool:
        """It moves, relabels, picks or copies elements and computes nothing."""
        return self.kind in _LAYOUT

    def keeps(self, number: float) -> bool:
        """An element that is this number stays it, as 0 under a square root."""
        if self.value is None or not self.elementwise or len(self.arguments) > 1:
            return False
        try:
            return self.value(number, *self.defaults) == number
        except (ValueError, ZeroDivisionError):
            return False

    @property
    def is_not_negative(self) -> bool:
        """No element of the result is less than 0, whatever the one argument is."""
        if self.interval is None or not self.elementwise or len(self.arguments) > 1:
            return False
        whole = self.interval((REAL,), self.defaults)
        return whole is not None and whole.low >= 0.0

    @property
    def arguments_of_a_node(self) -> tuple[Argument, ...]:
        """The arguments that a node has: an optional one is rewritten away."""
        return tuple(argument for argument in self.arguments if not argument.optional)

    @property
    def node_parameters(self) -> tuple[Parameter, ...]:
        """The parameters that a node has: those of a call that is rewritten end with the call."""
        return self.parameters if self.rewritten is None else ()

    @property
    def defaults(self) -> tuple[Setting, ...]:
        """The values of a node's parameters where none are given."""
        return tuple(parameter.default for parameter in self.node_parameters)

    def settings(self, given: Callable[[str], Hashable]) -> tuple[Setting, ...] | None:
        """A node's parameters, `given` by name (None for the default); None where one of them is not known."""
        if not self.parameters or self.rewritten is not None:
            return ()
        found: list[Setting] = []
        for parameter in self.parameters:
            value = given(parameter.name)
            if value is None:
                found.append(parameter.default)
            elif isinstance(value, (int, float, str)):
                found.append(value)
            else:
                return None
        return tuple(found)


# ---------------------------------------------------------------------------------- how an operation's interval follows


def rule(function: Callable[..., Interval | None], *, unknown_is_real: bool = True) -> IntervalRule:
    """An interval from the arguments' intervals and the parameters.

    An argument of which nothing is known can be any number. If the result then can be any number as well, that is no
    knowledge: it is unknown, never the whole line as if it had been established.
    """

    def found(given: Sequence[Interval | None], settings: Sequence[Setting]) -> Interval | None:
        known = [REAL if each is None else each for each in given] if unknown_is_real else given
        result = function(*known, *settings)
        return None if result == REAL and any(each is None for each in given) else result

    return found


def curve(
    value: Callable[..., float],
    *,
    domain: Interval = REAL,
    limits: tuple[float | None, float | None] = (None, None),
    turns: Sequence[float] = (),
    jumps: Callable[..., Sequence[tuple[float, float, float]]] | None = None,
    saturates: bool = False,
) -> IntervalRule:
    """The interval of a function of one variable that is monotone between its turns; the words are those of `image`."""

    def found(given: Interval, *settings: Setting) -> Interval | None:
        function = (lambda x: value(x, *settings)) if settings else value
        leaps = () if jumps is None else jumps(*settings)
        return image(function, given, domain=domain, limits=limits, turns=turns, jumps=leaps, saturates=saturates)

    return rule(found)


def always(interval: Interval) -> IntervalRule:
    """The same interval, whatever the arguments are."""
    return lambda given, settings: interval


def of_argument(place: int) -> IntervalRule:
    """The interval of one of the arguments."""
    return lambda given, settings: given[place] if place < len(given) else None
