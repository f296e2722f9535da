"""Inputs for a model: drawn to a specification such as `B 3 64 64`, or taken from the tensors that the user gave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from vae_checked.adapters import Inputs
from vae_checked.errors import UsageError
from vae_checked.facts import BYTE, SYMMETRIC_UNIT, UNIT, Interval
from vae_checked.input_spec import HELP, Spec, parse_spec

# A tensor, several by their order or names, or a specification such as `B 3 64 64`.
GivenInputs = Tensor | Sequence[object] | Mapping[str, object] | str

# Primes: no batch size is another axis's size, or a product of such.
_BATCHES = (7, 5, 11, 13, 3, 17, 19)
# What the sizes of letters are odd multiples of, where the model takes such.
_MULTIPLE = 3
# Sizes that are tried for axes of which the first layer says nothing.
_LENGTHS = (16, 32, 64)
_CONVOLUTIONS: tuple[tuple[type[nn.Conv1d | nn.Conv2d | nn.Conv3d], int, tuple[int, ...]], ...] = (
    (nn.Conv1d, 1, (64, 128)),
    (nn.Conv2d, 2, (64, 32, 28, 128, 224)),
    (nn.Conv3d, 3, (16, 32)),
)
_NAMES_OF_LENGTHS = frozenset(
    "seq_len seq_length sequence_length max_len max_length max_seq_len max_sequence_length window window_size "
    "time_steps timesteps n_steps num_steps seq_size".split()
)
_LONGEST, _MOST_ROWS = 1024, 6


@dataclass(frozen=True, slots=True)
class Shape:
    """One input of a specification: its axes (None is the batch), its name where it has one, its number of labels."""

    axes: tuple[int | None, ...]
    name: str | None = None
    labels: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where inputs come from: shapes to draw to, or given tensors; `interval` is what is known of the data's values.

    `open_sizes` where sizes of a sample were chosen here that the model leaves open, `one_mapping` where all inputs are
    handed over in one dictionary, `batch` where a specification such as `B=6 3 64 64` says how many samples,
    `accepted_batches` the numbers of samples that the model takes, where it does not take any.
    """

    shapes: tuple[Shape, ...]
    given: Inputs | None
    interval: Interval | None
    dtype: torch.dtype
    device: torch.device
    open_sizes: bool = False
    one_mapping: bool = False
    batch: int | None = None
    accepted_batches: range | None = None

    def batches(self, avoid: Sequence[int]) -> tuple[int, int]:
        """Two batch sizes that are none of `avoid`, the likelier one first; one size twice where it is the only one."""
        size = self.batch if self.given is None else _given_batch(self.given)
        accepted = self.accepted_batches
        if accepted is not None:
            likely = dict.fromkeys((*([] if size is None else [size]), *_BATCHES, *accepted))
            free = [each for each in likely if each in accepted and each not in avoid] or [accepted[0]]
            return free[0], free[min(1, len(free) - 1)]
        if size is not None:
            return size, max(1, size - 1)
        free = [size for size in _BATCHES if size not in avoid]
        return free[0], free[1]

    def takes(self, batch: int) -> bool:
        """Whether the model takes so many samples, as far as that is known."""
        return self.accepted_batches is None or batch in self.accepted_batches

    @property
    def sizes(self) -> list[int]:
        """The sizes of all axes but the batch, of inputs that are drawn."""
        return [axis for shape in self.shapes for axis in shape.axes if axis is not None]

    @property
    def spoilt(self) -> tuple[str, ...]:
        """The given inputs that are not all numbers, in words."""
        given = () if self.given is None else self.given.tensors()
        return spoilt((f"{name}, as given,", tensor) for name, tensor in given)

    def draw(self, batch: int, seed: int) -> Inputs:
        """Inputs of `batch` samples; the same seed draws the same."""
        generator = torch.Generator().manual_seed(seed)
        if self.given is not None:
            return _selected(self.given, batch, generator)
        low, high = (0.0, 1.0) if self.interval is None else (self.interval.low, self.interval.high)
        args: list[Tensor] = []
        kwargs: dict[str, Tensor] = {}
        for shape in self.shapes:
            sizes = [batch if axis is None else axis for axis in shape.axes]
            if shape.labels is not None:
                tensor = torch.randint(0, shape.labels, sizes, generator=generator).to(self.device)
            else:
                tensor = (low + (high - low) * torch.rand(sizes, generator=generator)).to(self.device, self.dtype)
            if shape.name is None:
                args.append(tensor)
            else:
                kwargs[shape.name] = tensor
        if self.one_mapping:
            return Inputs((kwargs,))
        return Inputs(tuple(args), kwargs or None)


def spoilt(tensors: Iterable[tuple[str, Tensor]]) -> tuple[str, ...]:
    """Which of these hold NaN or infinity, in words."""
    lines = []
    for name, tensor in tensors:
        if tensor.is_floating_point() and tensor.layout is torch.strided:
            count = tensor.numel() - int(tensor.detach().isfinite().sum())
            if count:
                lines.append(f"{name} holds NaN or infinity ({count} of {tensor.numel()} numbers)")
    return tuple(lines)


def source_of(inputs: GivenInputs, model: nn.Module, data_range: tuple[float, float] | None) -> Source:
    """What `audit` was given as inputs, checked; UsageError when it is neither tensors nor a specification."""
    dtype, device = _kind(model)
    interval = None if data_range is None else _interval(data_range)
    if isinstance(inputs, str):
        spec = parse_spec(inputs)
        return Source(
            _shapes(spec, inputs),
            None,
            interval,
            dtype,
            device,
            bool(_sizes(spec)),
            spec.one_mapping,
            spec.starts.get(spec.batch or ""),
        )
    given = _as_inputs(inputs)
    if interval is None:
        interval = _observed(given)
    return Source((), given, interval, dtype, device)


def with_sizes(text: str, sizes: Mapping[str, int]) -> str:
    """The specification with these sizes for its letters."""
    spec = parse_spec(text)
    inputs = tuple(
        replace(each, axes=(each.axes[0], *(sizes.get(str(axis), axis) for axis in each.axes[1:])))
        for each in spec.inputs
    )
    return str(Spec(inputs, {}, spec.one_mapping))


def _sizes(spec: Spec) -> dict[str, int]:
    """A size for each letter of a sample's axes that has none yet."""
    axes = dict.fromkeys(axis for each in spec.inputs for axis in each.axes[1:])
    letters = [axis for axis in axes if isinstance(axis, str) and axis not in (spec.batch, *spec.starts)]
    taken = {*spec.starts.values(), *(axis for each in spec.inputs for axis in each.axes if isinstance(axis, int))}
    free = (_MULTIPLE * odd for odd in range(3, 1_000, 2))
    return {letter: next(size for size in free if size not in taken) for letter in letters}


def _shapes(spec: Spec, text: str) -> tuple[Shape, ...]:
    """The inputs with a size for each letter; None is the batch."""
    sizes = {**spec.starts, **_sizes(spec)}
    shapes = []
    for each in spec.inputs:
        if isinstance(each.axes[0], int):
            raise UsageError(
                f"input {text!r} starts with the fixed size {each.axes[0]}: the batch is drawn, {HELP}; where it is "
                "not the first axis, or a call takes one sample, give forward= a method that takes a batch first: "
                "return self(x.transpose(0, 1)).transpose(0, 1), or torch.stack([self(each) for each in x])"
            )
        axes = (None if axis == spec.batch else sizes.get(str(axis)) or int(axis) for axis in each.axes[1:])
        shapes.append(Shape((None, *axes), each.name, each.labels))
    return tuple(shapes)


def _as_inputs(inputs: GivenInputs) -> Inputs:
    if isinstance(inputs, Tensor):
        return Inputs((inputs,))
    if isinstance(inputs, Mapping):
        if any(isinstance(value, Tensor) for value in inputs.values()):
            return Inputs((inputs,))
    elif isinstance(inputs, Sequence) and any(isinstance(value, Tensor) for value in inputs):
        return Inputs(tuple(inputs))
    raise UsageError(
        f"inputs is a {type(inputs).__name__}: give a tensor, a tuple or dict of tensors, or a specification "
        "such as 'B 3 64 64'"
    )


def _interval(data_range: tuple[float, float]) -> Interval:
    low, high = data_range
    if not low < high:
        raise UsageError(f"data_range is ({low:g}, {high:g}): give the lower end first, as in (0, 1)")
    return Interval(float(low), float(high))


def _observed(given: Inputs) -> Interval | None:
    tensors = [tensor for _, tensor in given.tensors() if tensor.is_floating_point()]
    if not tensors or not tensors[0].numel():
        return None
    finite = tensors[0][tensors[0].isfinite()]
    if not finite.numel():
        return None
    low, high = float(finite.min()), float(finite.max())
    measured = Interval(low, high)
    return next((known for known in (UNIT, SYMMETRIC_UNIT, BYTE) if known.contains(measured, 0.0)), measured)


def _kind(model: nn.Module) -> tuple[torch.dtype, torch.device]:
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            return tensor.dtype, tensor.device
    return torch.get_default_dtype(), torch.device("cpu")


def _given_batch(given: Inputs) -> int:
    tensors = given.tensors()
    return int(tensors[0][1].shape[0]) if tensors and tensors[0][1].dim() else 1


def _selected(given: Inputs, batch: int, generator: torch.Generator) -> Inputs:
    """All rows as they were given, or `batch` of them in an order that the generator draws."""
    size = _given_batch(given)
    rows = torch.arange(size) if batch == size else torch.randperm(size, generator=generator)[:batch]

    def take(value: object) -> object:
        if isinstance(value, Tensor):
            cut = value.dim() > 0 and value.shape[0] == size
            return value[rows.to(value.device)].detach().clone() if cut else value.detach().clone()
        if isinstance(value, Mapping):
            return {key: take(each) for key, each in value.items()}
        return value

    kwargs = {name: take(value) for name, value in (given.kwargs or {}).items()}
    return Inputs(tuple(take(value) for value in given.args), kwargs or None)


def likely_inputs(model: nn.Module) -> tuple[tuple[str, str], ...]:
    """Specifications that the model's first layers would take, each with the reason, the likeliest first."""
    lengths = (*_lengths_of(model), *_LENGTHS)
    return tuple(dict([*_of_first_layer(model, lengths), *_of_tokens(model, lengths), *_of_other_rows(model)]).items())


def _of_first_layer(model: nn.Module, lengths: Sequence[int]) -> list[tuple[str, str]]:
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear):
            return [(f"B {layer.in_features}", f"{name} takes {layer.in_features} features")]
        steps = isinstance(layer, nn.RNNCellBase) or (isinstance(layer, nn.RNNBase) and layer.batch_first)
        if steps:
            return [(f"B {n} {layer.input_size}", f"{name} takes {layer.input_size} features a step") for n in lengths]
        for kind, axes, sizes in _CONVOLUTIONS:
            if isinstance(layer, kind):
                taken = f"{name} takes {layer.in_channels} channels"
                return [(f"B {layer.in_channels}{f' {n}' * axes}", taken) for n in sizes]
    return []


def _of_tokens(model: nn.Module, lengths: Sequence[int]) -> list[tuple[str, str]]:
    """Rows of tokens for the first embedding."""
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Embedding):
            return [
                (f"int<{layer.num_embeddings}> B {n}", f"{name} takes {layer.num_embeddings} tokens") for n in lengths
            ]
    return []


def _of_other_rows(model: nn.Module) -> list[tuple[str, str]]:
    """Rows of features for the layers that come later: the order in which they are built need not be that of use."""
    found = {
        layer.in_features: name for name, layer in reversed([*model.named_modules()]) if isinstance(layer, nn.Linear)
    }
    rows = [(f"B {size}", f"{name} takes {size} features") for size, name in reversed(found.items())]
    return rows[:_MOST_ROWS]


def _lengths_of(model: nn.Module) -> tuple[int, ...]:
    """The numbers of steps that a model was built for, by the names that it keeps them under."""
    found = (
        value
        for module in model.modules()
        for name, value in vars(module).items()
        if type(value) is int and 1 < value <= _LONGEST and name.strip("_").lower() in _NAMES_OF_LENGTHS
    )
    return tuple(dict.fromkeys(found))[:2]
