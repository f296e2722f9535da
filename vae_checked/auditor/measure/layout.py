"""The order in which an input's axes reach the first convolution, found by writing its place into every element."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from vae_checked.auditor.recognition.graph import Graph
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recording.origins import place_of
from vae_checked.auditor.recording.replay import replay
from vae_checked.auditor.recording.tape import Step, Tape
from vae_checked.facts import Fact, Origin
from vae_checked.layout_facts import AxisOrder

_CONVOLUTIONS = frozenset({"convolution", "_convolution", "mkldnn_convolution", "cudnn_convolution"})
_CHANNELS = (1, 2, 3, 4)


def axis_order(seen: Recognition) -> Fact[AxisOrder] | None:
    """Where each element of the input arrives at the first convolution; None without one, or where x is computed with.

    Sounds, images and videos: only an image's order has a name, another's is known to be scrambled or not known.
    """
    tape, number = seen.run.tape, seen.run.x_number
    x = tape.values[number].data
    if x.dim() not in (3, 4, 5):
        return None
    step = _first_convolution(tape, seen.graph)
    if step is None:
        return None
    received = step.inputs[0]
    if tape.values[received].tensor.dim() != x.dim():
        return None
    places = torch.arange(1, x.numel() + 1, dtype=torch.float64, device=x.device).reshape(x.shape)
    arrived = _arrivals(tape, number, received, places)
    if arrived is None:
        return None
    order = _order(places, arrived, x)
    return None if order is None else Fact(order, Origin("the first convolution", place_of(step)))


def _first_convolution(tape: Tape, graph: Graph) -> Step | None:
    for step in tape.steps:
        if step.name not in _CONVOLUTIONS:
            continue
        image = step.inputs[0]
        if graph.depends_on_input(image) and not graph.depends_on_parameters(image):
            return step
    return None


def _arrivals(tape: Tape, number: int, received: int, places: Tensor) -> Tensor | None:
    """Which place each element that arrives came from; None unless every element arrives once, scaled alike at most."""
    x = tape.values[number].tensor
    runs = []
    for content in (places, places * 0):
        try:
            runs.append(replay(tape, {number: content.to(x.dtype)}, (received,))[received].double())
        except (RuntimeError, ValueError):
            return None
    ordered = places.flatten().sort().values
    for lifted in _without_padding(runs[0] - runs[1], x):
        if torch.isfinite(lifted).all() and lifted.abs().min() > 0:
            arrived = (lifted / (lifted.sum() / places.sum())).round()
            if torch.equal(arrived.flatten().sort().values, ordered):
                return arrived
    return None


def _without_padding(lifted: Tensor, x: Tensor) -> Iterator[Tensor]:
    """What may be the part that came from x: padded on both sides alike, or before time alone, as for causality."""
    if lifted.numel() == x.numel():
        yield lifted
        return
    more = [got - had for got, had in zip(lifted.shape, x.shape, strict=True)]
    if min(more) < 0 or more[:2] != [0, 0]:
        return
    # Time is the first axis after the channels, of a video, a sound and its spectrogram.
    for first in dict.fromkeys((more[2], more[2] // 2)):
        part = lifted
        for axis, start in enumerate((0, 0, first, *(each // 2 for each in more[3:]))):
            part = part.narrow(axis, start, x.shape[axis])
        yield part


def _order(places: Tensor, arrived: Tensor, x: Tensor) -> AxisOrder | None:
    if x.dim() != 4:
        return AxisOrder.SCRAMBLED if _is_view_for_permute(places, arrived) else None
    channels_last = x.shape[-1] in _CHANNELS and x.shape[1] not in _CHANNELS
    found = {AxisOrder.NCHW: places, AxisOrder.NCWH_OF_NCHW: places.transpose(2, 3)}
    if channels_last:
        found = {
            AxisOrder.NCHW: places.permute(0, 3, 1, 2),
            AxisOrder.NCWH: places.permute(0, 3, 2, 1),
            AxisOrder.NHWC: places,
        }
    for order, wanted in found.items():
        if wanted.shape == arrived.shape and torch.equal(wanted, arrived):
            return order
    return AxisOrder.SCRAMBLED if _is_view_for_permute(places, arrived) else None


def _is_view_for_permute(places: Tensor, arrived: Tensor) -> bool:
    """Whether a view gave another shape to memory that a permutation of the axes should have moved, or did not move."""
    if places.shape != arrived.shape:
        channels_last = sorted(places.shape) == sorted(arrived.shape) and places.shape[-1] == arrived.shape[1]
        return channels_last and torch.equal(places.flatten(), arrived.flatten())
    axes = tuple(range(1, places.dim()))
    for order in itertools.permutations(axes):
        moved = places.permute(0, *order)
        inverse = [1 + order.index(axis) for axis in axes]
        for scrambled in (moved.reshape(places.shape), places.reshape(moved.shape).permute(0, *inverse)):
            if not torch.equal(scrambled, places) and torch.equal(scrambled, arrived):
                return True
    return False
