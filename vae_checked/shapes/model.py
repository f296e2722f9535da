"""What is inferred of a model, as plain frozen values: the shapes of its stages and layers as expressions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vae_checked.session import Printer
from vae_checked.shapes.arrangement import arranged, told_apart
from vae_checked.shapes.formula import evaluate

RANK_VARIES = ("...",)


@dataclass(frozen=True, slots=True)
class TensorShape:
    """One tensor: where it stands (`output[1]`), its axes as expressions, its dtype, the role that it has if known.

    `source` is the call that gave it, `fc_mu`, or the part of what that gave, `fc part 2`; empty where none is known.
    """

    path: str
    axes: tuple[str, ...]
    dtype: str
    role: str | None = None
    source: str = ""

    def at(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The shape at these sizes of the inputs; UsageError where an axis follows no formula."""
        return tuple(evaluate(axis, sizes) for axis in self.axes)

    def __str__(self) -> str:
        return f"{self.dtype}[{' '.join(self.axes)}]"


@dataclass(frozen=True, slots=True)
class Entry:
    """One layer or stage: its key (`encoder.0`), its type, what it takes and what it gives.

    `form` is the Python type of the output; `stage` tells stages (methods, and the parts of the model) from layers.
    """

    key: str
    stage: bool
    type: str
    takes: tuple[TensorShape, ...]
    gives: tuple[TensorShape, ...]
    form: str = ""

    @property
    def name(self) -> str:
        """The key without the number of the call."""
        return self.key.partition("@")[0]

    def __str__(self) -> str:
        head = f"{self.type} " if self.type else ""
        if not self.stage:
            return f"{head}({listed(self.takes)}) -> {listed(self.gives)}"
        return f"{head}({', '.join(told_apart(self.takes))}) -> {arranged(self.form, self.gives)}"


@dataclass(frozen=True, slots=True)
class ModelShapes:
    """The symbolic shapes of one model.

    `entries` are in order of execution. `constraint` says when the reconstruction has the shape of the input,
    `smallest` the smallest accepted size of each letter; `latent` and `reconstruction` are the shapes of z and of x_hat
    where they were recognised; `outputs` are the tensors that the model returns. `sizes` are accepted, and where the
    probing began; `accepted` holds (lowest, highest if an end was found, step) of each letter; `crashes` says what is
    not accepted and which layer raises. `without_formula` holds, for an axis that follows none, its sizes as they
    were seen. `irregular` are the names of what does not run, or not as often, at all sizes.
    """

    name: str
    input: str
    entries: tuple[Entry, ...]
    parameters: Mapping[str, str]
    buffers: Mapping[str, str]
    constraint: str
    smallest: str
    latent: str = ""
    reconstruction: str = ""
    outputs: tuple[TensorShape, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    accepted: Mapping[str, tuple[int, int | None, int]] = field(default_factory=dict)
    how: str = "meta"
    crashes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    without_formula: Mapping[str, str] = field(default_factory=dict)
    irregular: tuple[str, ...] = ()
    probes: int = 0

    @property
    def stages(self) -> tuple[Entry, ...]:
        """The stages, in order of execution."""
        return tuple(entry for entry in self.entries if entry.stage)

    @property
    def layers(self) -> tuple[Entry, ...]:
        """The layers, in order of execution."""
        return tuple(entry for entry in self.entries if not entry.stage)

    def _repr_html_(self) -> str:
        from vae_checked.shapes.listing_html import fragment  # noqa: PLC0415  only a notebook needs it

        return fragment(self)

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:
        printer.text(str(self).rstrip("\n"))

    def __repr__(self) -> str:
        parts = f"{len(self.stages)} stages, {len(self.layers)} layers"
        return f"<ModelShapes of {self.name}: input {self.input}, {parts}>"

    def __str__(self) -> str:
        from vae_checked.shapes.listing import listing  # noqa: PLC0415  only what is printed needs it

        return listing(self)

    def entry(self, key: str) -> Entry:
        """The entry of that key; KeyError when there is none."""
        return next(each for each in self.entries if each.key == key)


def listed(tensors: tuple[TensorShape, ...]) -> str:
    """Tensors as they are written in a lock."""
    return ", ".join(map(str, tensors)) or "()"
