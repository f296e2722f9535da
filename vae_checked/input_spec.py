"""How the inputs of a model are written, for an audit, for shapes and for `wrap` alike.

`B 3 64 64`: the axes of one input, batch first; a letter is a size that is free, `H=64` one that begins at 64.
`x: B 3 H W, y: int<10> B`: several by their names, labels below 10 among them; in braces where the model takes one
dictionary.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from vae_checked.errors import UsageError
from vae_checked.record import dataclass

HELP = (
    "write the axes of one input, batch first, as in 'B 3 64 64' or 'B 3 H W'; of several, 'x: B 3 64 64, y: int<10> "
    "B', in braces where the model takes one dictionary"
)
_AXIS = re.compile(r"(?P<symbol>[A-Za-z]\w*)(=(?P<start>[1-9]\d*))?|(?P<size>[1-9]\d*)")
_LABELS = re.compile(r"int<([1-9]\d*)>")
# As people begin an input of labels or of a dtype: no name of an axis.
_NUMBERS = re.compile(r"(u?int|long|short|byte|float|double|half|bfloat|bool)\d*(<.*>)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class InputShape:
    """One input: its axes (a letter or a size), its name where it has one, the number of its labels if it holds any."""

    axes: tuple[str | int, ...]
    name: str | None = None
    labels: int | None = None

    def __str__(self) -> str:
        labels = f"int<{self.labels}> " if self.labels else ""
        name = f"{self.name}: " if self.name else ""
        return f"{name}{labels}{' '.join(map(str, self.axes))}".strip()


@dataclass(frozen=True, slots=True)
class Spec:
    """All inputs of a model; `starts` holds the sizes that a specification such as `H=64` proposes."""

    inputs: tuple[InputShape, ...]
    starts: Mapping[str, int]
    one_mapping: bool = False

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every letter, in the order of the specification."""
        return tuple(
            dict.fromkeys(axis for each in self.inputs for axis in each.axes if isinstance(axis, str) and axis)
        )

    @property
    def batch(self) -> str | None:
        """The letter of the batch, if its size is one that varies."""
        first = self.inputs[0].axes[0]
        return first if isinstance(first, str) else None

    def __str__(self) -> str:
        text = ", ".join(map(str, self.inputs))
        return f"{{{text}}}" if self.one_mapping else text

    def tied(self, kept: str, dropped: str) -> Spec:
        """The same inputs with `dropped` always of the size of `kept`."""
        inputs = tuple(
            InputShape(tuple(kept if axis == dropped else axis for axis in each.axes), each.name, each.labels)
            for each in self.inputs
        )
        return Spec(inputs, self.starts, self.one_mapping)


def parse_spec(text: str) -> Spec:
    """The specification that `text` writes; UsageError when it is none."""
    inner = text.strip()
    one_mapping = inner.startswith("{") and inner.endswith("}")
    if one_mapping:
        inner = inner[1:-1]
    starts: dict[str, int] = {}
    inputs = tuple(_parse_one(part, text, starts) for part in inner.split(","))
    names = [each.name for each in inputs if each.name is not None]
    if len(set(names)) < len(names):
        raise UsageError(f"input {text!r} names one input twice")
    if one_mapping and len(names) < len(inputs):
        raise UsageError(f"input {text!r} has an entry without a name: write {{name: B 3 64 64, ...}}")
    return Spec(inputs, starts, one_mapping)


def _parse_one(part: str, whole: str, starts: dict[str, int]) -> InputShape:
    name, colon, rest = part.rpartition(":")
    if colon and not name.strip().isidentifier():
        raise UsageError(f"input {whole!r}: {name.strip()!r} is no name of an argument: {HELP}")
    tokens = rest.split()
    labels = None
    if tokens and (match := _LABELS.fullmatch(tokens[0])):
        labels = int(match[1])
        tokens = tokens[1:]
    elif tokens and _NUMBERS.fullmatch(tokens[0]):
        raise UsageError(
            f"input {whole!r}: {tokens[0]!r} is a kind of number and no axis: write 'int<10> B' for whole numbers from "
            "0 to 9, and axes alone for real numbers"
        )
    if not tokens:
        raise UsageError(f"input {whole!r} names no axes: {HELP}")
    axes: list[str | int] = []
    for token in tokens:
        found = _AXIS.fullmatch(token)
        if token.isdigit() and not int(token):
            raise UsageError(f"input {whole!r} has an axis of size 0: {HELP}")
        if not found:
            raise UsageError(f"input {whole!r}: {token!r} is neither a size nor a letter: {HELP}")
        if found["size"]:
            axes.append(int(found["size"]))
            continue
        symbol, start = found["symbol"], found["start"]
        axes.append(symbol)
        if start and starts.setdefault(symbol, int(start)) != int(start):
            raise UsageError(f"input {whole!r} gives {symbol} two sizes, {starts[symbol]} and {start}")
    return InputShape(tuple(axes), name.strip() or None, labels)
