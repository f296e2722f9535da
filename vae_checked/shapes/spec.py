"""The specification of a model's inputs: `B 3 H W`, `x: B 3 H W, y: int<10> B`, `{image: B 3 H W, label: int<10> B}`.

A letter is a size that is varied, the batch comes first; `H=64` says where to start looking for accepted sizes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vae_checked.adapters import Inputs
from vae_checked.errors import UsageError

_AXIS = re.compile(r"(?P<symbol>[A-Za-z]\w*)(=(?P<start>[1-9]\d*))?|(?P<size>[1-9]\d*)")
_LABELS = re.compile(r"int<([1-9]\d*)>")
_HELP = "write the axes of each input, batch first, as in 'B 3 H W'"


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

    def draw(self, sizes: Mapping[str, int], dtype: torch.dtype, device: torch.device | str) -> Inputs:
        """Inputs of these sizes: data uniform in [0, 1), labels below their number; on `meta` nothing is drawn."""
        args: list[Tensor] = []
        kwargs: dict[str, Tensor] = {}
        for each in self.inputs:
            shape = [sizes[axis] if isinstance(axis, str) else axis for axis in each.axes]
            if each.labels is None:
                tensor = torch.rand(shape, dtype=dtype, device=device)
            else:
                tensor = torch.randint(0, each.labels, shape, device=device)
            if each.name is None:
                args.append(tensor)
            else:
                kwargs[each.name] = tensor
        if self.one_mapping:
            return Inputs((kwargs,))
        return Inputs(tuple(args), kwargs or None)


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
        raise UsageError(f"input {text!r} has an entry without a name: write {{name: B 3 H W, ...}}")
    spec = Spec(inputs, starts, one_mapping)
    if not spec.symbols:
        raise UsageError(f"input {text!r} has no letter, so no size to vary: {_HELP}")
    return spec


def guess_spec(model: nn.Module) -> str:
    """The specification that the model's first layer takes; UsageError when it does not say one."""
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            return f"B {layer.in_features}"
        for kind, axes in ((nn.Conv1d, "T"), (nn.Conv2d, "H W"), (nn.Conv3d, "D H W")):
            if isinstance(layer, kind):
                return f"B {layer.in_channels} {axes}"
    raise UsageError(f"no input is known for {type(model).__name__}: {_HELP}")


def _parse_one(part: str, whole: str, starts: dict[str, int]) -> InputShape:
    name, colon, rest = part.rpartition(":")
    if colon and not name.strip().isidentifier():
        raise UsageError(f"input {whole!r}: {name.strip()!r} is no name of an argument: {_HELP}")
    tokens = rest.split()
    labels = None
    if tokens and (match := _LABELS.fullmatch(tokens[0])):
        labels = int(match[1])
        tokens = tokens[1:]
    if not tokens:
        raise UsageError(f"input {whole!r} names no axes: {_HELP}")
    axes: list[str | int] = []
    for token in tokens:
        found = _AXIS.fullmatch(token)
        if not found:
            raise UsageError(f"input {whole!r}: {token!r} is neither a size nor a letter: {_HELP}")
        if found["size"]:
            axes.append(int(found["size"]))
            continue
        axes.append(found["symbol"])
        if found["start"]:
            starts[found["symbol"]] = int(found["start"])
    return InputShape(tuple(axes), name.strip() or None, labels)
