"""Where a model that raises leaves what the lock says of it: layer by layer, as far as it ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from vae_checked.errors import ModelError
from vae_checked.shapes.comparison import gives, takes
from vae_checked.shapes.formula import NO_FORMULA, evaluate, symbols_in
from vae_checked.shapes.lock import LockedModel
from vae_checked.shapes.model import RANK_VARIES

if TYPE_CHECKING:
    from torch import Tensor

    from vae_checked.shapes.trace import Call, CrashError, Item

Shape = tuple[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Passed:
    """One call of a layer: what it took and, where it came to its end, what it gave; each as (dtype, sizes)."""

    key: str
    takes: tuple[Shape, ...]
    gives: tuple[Shape, ...] | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """A pass that raised: at which sizes of the inputs, in which layer, and the layers that it had called by then."""

    sizes: Mapping[str, int]
    layer: str
    passed: tuple[Passed, ...]


class UnacceptedError(ModelError):
    """A model that takes no input of the sizes that were tried; `parameters` are as a lock has them."""

    def __init__(self, attempts: Sequence[Attempt], parameters: Mapping[str, str], message: str) -> None:
        super().__init__(attempts, parameters, message)
        self.attempts, self.parameters, self.message = attempts, parameters, message

    def __str__(self) -> str:
        return self.message


class Leaves(StrEnum):
    """In what a layer leaves the lock."""

    NEW = "new"
    PARAMETERS = "parameters"
    INPUT = "input"
    OUTPUT = "output"
    ITSELF = "itself"


@dataclass(frozen=True, slots=True)
class Departure:
    """The first layer that is not as locked, in what, and what was and is; `sizes` are those of the inputs.

    ITSELF is a layer that raises though all that it has and takes is as locked.
    """

    key: str
    what: Leaves
    was: str
    now: str
    sizes: Mapping[str, int]


def attempt(sizes: Mapping[str, int], crash: CrashError) -> Attempt:
    """What a pass that raised left behind."""
    calls = [call for call in crash.trace.calls.values() if call.kind == "layer" and not call.calls_others]
    return Attempt(dict(sizes), crash.layer, tuple(_passed(call, crash.layer) for call in calls))


def tensor_text(tensor: Tensor) -> str:
    """A parameter as a lock writes it: `float32[7 3 3 3]`."""
    return _text([(str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape))])


def departure(error: UnacceptedError, locked: LockedModel) -> Departure | None:
    """Where the model leaves the lock, by the pass that kept to it for longest; None where no layer ran."""
    found = [(place, -number) for number, each in enumerate(error.attempts) if (place := _place(each, error, locked))]
    if not found:
        return None
    (_, first), _ = max(found, key=lambda pair: (pair[0][0], pair[1]))
    return first


def _passed(call: Call, crashed: str) -> Passed:
    unfinished = not call.gives and call.key.partition("@")[0] == crashed
    return Passed(call.key, _shapes(call.takes), None if unfinished else _shapes(call.gives))


def _shapes(items: Sequence[Item]) -> tuple[Shape, ...]:
    return tuple((item.dtype, item.sizes) for item in items)


def _place(each: Attempt, error: UnacceptedError, locked: LockedModel) -> tuple[int, Departure] | None:
    """How many layers are as locked, and the first that is not."""
    for number, call in enumerate(each.passed):
        left = _leaves(call, each.sizes, error.parameters, locked)
        if left is not None:
            return number, Departure(call.key, *left, each.sizes)
    if not each.passed:
        return None
    last = each.passed[-1]
    return len(each.passed), Departure(last.key, Leaves.ITSELF, "", "", each.sizes)


def _leaves(
    call: Passed, sizes: Mapping[str, int], parameters: Mapping[str, str], locked: LockedModel
) -> tuple[Leaves, str, str] | None:
    line = locked.layers.get(call.key)
    if line is None:
        return Leaves.NEW, "", _text(call.takes)
    own = f"{call.key.partition('@')[0]}."
    before, after = _owned(locked.parameters, own), _owned(parameters, own)
    if before != after:
        names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        was, now = (", ".join(f"{name} {of.get(name, 'none')}" for name in names) for of in (before, after))
        return Leaves.PARAMETERS, was, now
    for what, seen, written in ((Leaves.INPUT, call.takes, takes(line)), (Leaves.OUTPUT, call.gives, gives(line))):
        expected = None if seen is None else _expected(written, sizes)
        if seen is not None and expected is not None and not _alike(seen, expected):
            return what, _text(expected), _text(seen)
    return None


def _owned(parameters: Mapping[str, str], own: str) -> dict[str, str]:
    return {
        name.removeprefix(own): shape
        for name, shape in parameters.items()
        if name.startswith(own) and "." not in name.removeprefix(own)
    }


def _expected(
    written: Sequence[tuple[str, tuple[str, ...]]], sizes: Mapping[str, int]
) -> list[tuple[str, tuple[int | None, ...]]] | None:
    """What the lock says at these sizes, None for an axis without a formula; None where that cannot be said."""
    found: list[tuple[str, tuple[int | None, ...]]] = []
    for dtype, axes in written:
        if axes == RANK_VARIES or any(axis != NO_FORMULA and not symbols_in(axis) <= sizes.keys() for axis in axes):
            return None
        found.append((dtype, tuple(None if axis == NO_FORMULA else evaluate(axis, sizes) for axis in axes)))
    return found


def _alike(seen: Sequence[Shape], expected: Sequence[tuple[str, tuple[int | None, ...]]]) -> bool:
    return len(seen) == len(expected) and all(
        dtype == wanted
        and len(sizes) == len(axes)
        and all(b is None or a == b for a, b in zip(sizes, axes, strict=True))
        for (dtype, sizes), (wanted, axes) in zip(seen, expected, strict=True)
    )


def _text(shapes: Sequence[tuple[str, Sequence[int | None]]]) -> str:
    return ", ".join(
        f"{dtype}[{' '.join('?' if size is None else str(size) for size in sizes)}]" for dtype, sizes in shapes
    )
