"""What calls of one stage had in common: a contract that is learned, and held against the calls that follow.

Inputs that agree in all but the batch make a family. Of each tensor in its results the family keeps what all calls bear
out: rank, dtype, and for each axis that it has one size, or so many times the batch. Unknown is not wrong: the first
calls only learn; what they left open stays open; inputs of another shape are another family; another result for a batch
that was seen follows the data or an attribute; and the one size of an axis must have been seen at two batches.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jaxtyping
import torch
from torch import Tensor

FIRST_CALLS = 3
BATCH = "B"
_IMAGE = ("", "C", "H", "W")


@dataclass(frozen=True, slots=True)
class Shape:
    """A tensor as it was passed or returned: where it stood, its dtype and its sizes."""

    path: str
    dtype: torch.dtype
    sizes: tuple[int, ...]


@dataclass(slots=True)
class Axis:
    """The explanations of an axis that no call has refuted: one size, `times` the batch; neither: any size."""

    size: int | None
    times: int | None

    def allows(self, size: int, batch: int, seen: Collection[int], *, first: bool) -> bool:
        """Whether one of the explanations holds, or none is left that the batches `seen` have borne out.

        A batch of one tells nothing of the batch, one batch alone little of other sizes, and the one size of a `first`
        axis may be a part of the batch.
        """
        if size == self.size or (self.times is not None and size == self.times * batch):
            return True
        if self.times == 1:
            return max(seen) == 1
        return len(seen) == 1 or (self.times is None and (first or self.size is None))

    def learn(self, size: int, batch: int) -> None:
        """Give up the explanations that this size refutes."""
        if size != self.size:
            self.size = None
        if self.times is not None and size != self.times * batch:
            self.times = None

    def text(self, label: str = "", *, first: bool = False) -> str:
        """The axis as jaxtyping writes it; where both explanations stand, the first axis is the batch."""
        if self.times == 1 and (first or self.size is None):
            return BATCH
        if self.size is not None:
            return f"{label}={self.size}" if label else str(self.size)
        return "_" if self.times is None else f"{self.times}*{BATCH}"


@dataclass(slots=True)
class Learned:
    """One tensor of a family's inputs or results; `dtype` and `axes` are None where calls did not agree."""

    path: str
    dtype: torch.dtype | None
    axes: list[Axis] | None

    def allows(self, shape: Shape, batch: int, seen: Collection[int]) -> bool:
        """Whether `shape` is as the calls before had it, in which the batches `seen` were."""
        if self.dtype is not None and shape.dtype is not self.dtype:
            return False
        if self.axes is None:
            return True
        return len(self.axes) == len(shape.sizes) and all(
            axis.allows(size, batch, seen, first=not place)
            for place, (axis, size) in enumerate(zip(self.axes, shape.sizes, strict=True))
        )

    def learn(self, shape: Shape, batch: int) -> None:
        """Keep what `shape` bears out as well."""
        if shape.dtype is not self.dtype:
            self.dtype = None
        if self.axes is not None and len(self.axes) != len(shape.sizes):
            self.axes = None
        for axis, size in zip(self.axes or (), shape.sizes, strict=False):
            axis.learn(size, batch)

    @property
    def hint(self) -> Any:
        """The annotation that says the same."""
        kind = getattr(jaxtyping, _KINDS.get(self.dtype, "Shaped"))
        return kind[Tensor, "..." if self.axes is None else " ".join(self._axes(labels=True))]

    def _axes(self, *, labels: bool) -> Iterator[str]:
        axes = self.axes or []
        names = _IMAGE if labels and len(axes) == len(_IMAGE) else [""] * len(axes)
        return (axis.text(name, first=not place) for place, (axis, name) in enumerate(zip(axes, names, strict=True)))

    def __str__(self) -> str:
        kind = "any dtype" if self.dtype is None else str(self.dtype).removeprefix("torch.")
        axes = "..." if self.axes is None else " ".join(self._axes(labels=False))
        return f"{self.path}: {kind}[{axes}]"


_KINDS: Mapping[torch.dtype | None, str] = {
    torch.float16: "Float16",
    torch.bfloat16: "BFloat16",
    torch.float32: "Float32",
    torch.float64: "Float64",
    torch.complex64: "Complex64",
    torch.complex128: "Complex128",
    torch.uint8: "UInt8",
    torch.int8: "Int8",
    torch.int16: "Int16",
    torch.int32: "Int32",
    torch.int64: "Int64",
    torch.bool: "Bool",
}


@dataclass(slots=True)
class Family:
    """Calls in one mode whose inputs agree in all but the batch, and whose results have one form.

    `origin` is the input whose first axis is the batch, `batches` the first sizes of it that were seen.
    """

    mode: str
    origin: str
    inputs: tuple[Learned, ...]
    results: tuple[Learned, ...]
    batches: dict[int, None]
    calls: int = field(default=0)

    @property
    def is_firm(self) -> bool:
        """Whether enough calls were seen to hold later ones against them."""
        return self.calls >= FIRST_CALLS

    def refused(self, shapes: Iterable[Shape], batch: int) -> int | None:
        """The first result that is not as it was in the calls before, by its place; None where all are.

        To be asked for a batch that was not seen with these inputs.
        """
        pairs = enumerate(zip(self.results, shapes, strict=True))
        return next((place for place, (known, shape) in pairs if not known.allows(shape, batch, self.batches)), None)

    def learn(self, shapes: Iterable[Shape], batch: int) -> None:
        """Count a call, and keep what its results bear out as well."""
        for known, shape in zip(self.results, shapes, strict=True):
            known.learn(shape, batch)
        self.calls += 1
        if len(self.batches) < MOST_BATCHES:
            self.batches.setdefault(batch)

    def __str__(self) -> str:
        return f"{', '.join(map(str, self.inputs))} -> {', '.join(map(str, self.results)) or 'no tensor'}"


MOST_BATCHES = 6


def inputs_of(shapes: Iterable[Shape], batch: int) -> tuple[Learned, ...]:
    """The inputs that make a family: every size as it is, the batch free."""
    return tuple(
        Learned(
            shape.path,
            shape.dtype,
            [
                Axis(None, 1) if index == 0 and size == batch else Axis(size, None)
                for index, size in enumerate(shape.sizes)
            ],
        )
        for shape in shapes
    )


def results_of(shapes: Iterable[Shape], batch: int) -> tuple[Learned, ...]:
    """The results of a first call, every explanation still open."""
    return tuple(
        Learned(
            shape.path,
            shape.dtype,
            [Axis(size, size // batch if batch and size and size % batch == 0 else None) for size in shape.sizes],
        )
        for shape in shapes
    )
