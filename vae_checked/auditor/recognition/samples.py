"""Finds the samples of a run by intercepting its noise: where c times a pattern goes in, z = location + c * scale.

The first tensor that is affine in c, and whose location was on the tape before, is z, whatever the code looks like.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vae_checked.auditor.recognition.graph import Graph
from vae_checked.auditor.recording.randomness import Family
from vae_checked.auditor.recording.replay import ReplayError, affected, replay, stream
from vae_checked.auditor.recording.tape import Draw, Tape

# Beyond the clamps that people put on a mean, and within half precision; the nearer one where a scale that is made of
# the same value overflows at the far one.
_FAR = (64.0, 8.0)


@dataclass(frozen=True, slots=True)
class Sample:
    """One z by the numbers of its values.

    `eps` is the noise as it meets the posterior, `location` the last value on the way to z that z is without noise,
    `std` what multiplies eps, None where none follows from the input. `draws` feed eps.
    """

    z: int
    eps: int
    location: int
    std: int | None
    draws: tuple[Draw, ...]


def pattern(shape: Collection[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Distinct numbers of both signs between 0.3 and 1.7 in magnitude, the same at every call."""
    count = math.prod(shape)
    index = torch.arange(1, count + 1, dtype=torch.float64)
    size = 0.3 + 1.4 * torch.frac(index * 0.6180339887498949)
    sign = torch.where(torch.frac(index * 0.4142135623730951) < 0.5, -1.0, 1.0)
    return (size * sign).reshape(tuple(shape)).to(device=device, dtype=dtype)


def find_samples(graph: Graph) -> tuple[list[Sample], list[str]]:
    """Every z with its location and std, in the order of the tape, and a line for each noise that makes none."""
    samples: list[Sample] = []
    others: list[str] = []
    tape = graph.tape
    for eps in _noises(graph):
        sample = _sample_of(graph, eps)
        draws = ", ".join(sorted({draw.source for draw in draws_of(tape, eps)}))
        if sample is None and _meets_what_is_endless(tape, eps):
            others.append(f"the noise of {draws} meets values that are not finite: what it makes is not seen")
        elif sample is None:
            others.append(f"the noise of {draws} makes no z = location + scale * eps: it is taken for no posterior")
        elif sample.std is None:
            others.append(f"the noise of {draws} has a scale that no input changes: it is taken for no posterior")
        elif all((sample.z, sample.location) != (other.z, other.location) for other in samples):
            samples.append(sample)
    return samples, others


def _meets_what_is_endless(tape: Tape, eps: int) -> bool:
    """Whether a value that noise meets, or what it makes of that, is not finite in the run."""
    meeting = {n for step in tape.steps if eps in step.inputs for n in (*step.inputs, *step.outputs)}
    values = [tape.values[n].data for n in meeting]
    return any(each.is_floating_point() and not torch.isfinite(each).all() for each in values)


def draws_of(tape: Tape, number: int) -> tuple[Draw, ...]:
    """The draws that a value follows from."""
    return tuple(draw for draw in tape.draws if tape.values[number].sources & Tape.bit(draw))


def _noises(graph: Graph) -> list[int]:
    """The values that follow from draws and not from the input, at the place where they meet it; masks left out."""
    tape = graph.tape
    found: dict[int, None] = {}
    for step in tape.steps:
        if step.draw is not None or not any(graph.depends_on_input(n) and tape.drawn(n) for n in step.outputs):
            continue
        for number in step.inputs:
            value = tape.values[number]
            if not tape.drawn(number) or graph.depends_on_input(number) or not value.tensor.is_floating_point():
                continue
            if all(draw.family is Family.MASK for draw in draws_of(tape, number)):
                continue
            if value.tensor.numel():
                found[number] = None
    return list(found)


def _sample_of(graph: Graph, eps: int) -> Sample | None:
    tape = graph.tape
    recorded = tape.values[eps].tensor
    unit = pattern(recorded.shape, recorded.dtype, recorded.device)
    if 0 in recorded.stride():
        unit = recorded.detach() * 0 + unit
    candidates = [n for n in sorted(affected(tape, (eps,))) if graph.depends_on_input(n)]
    with torch.no_grad():
        for number, at_0, at_1, at_2 in _in_step(tape, eps, unit, candidates):
            if not _affine(at_0, at_1, at_2):
                continue
            location = _location(graph, eps, number, at_0)
            if location is None:
                continue
            if tape.values[location].step is None:
                return None  # noise on the input itself
            partial = Sample(number, eps, location, None, draws_of(tape, eps))
            return replace(partial, std=_scale(graph, partial, at_0, at_1, unit))
    return None


def is_linear_in(tape: Tape, eps: int, number: int) -> bool:
    """Whether a value is a location and a multiple of the noise `eps`, and changes with it."""
    unit = pattern(tape.values[eps].tensor.shape, tape.values[eps].tensor.dtype, tape.values[eps].tensor.device)
    try:
        at = [replay(tape, {eps: c * unit}, (number,))[number] for c in (0.0, 1.0, 2.0)]
    except ReplayError:
        return False
    return _affine(*at)


def _in_step(tape: Tape, eps: int, unit: Tensor, wanted: list[int]) -> Iterator[tuple[int, Tensor, Tensor, Tensor]]:
    """Each value with what it is at c = 0, 1, 2."""
    runs = [stream(tape, {eps: c * unit}, wanted) for c in (0.0, 1.0, 2.0)]
    for (number, at_0), (_, at_1), (_, at_2) in zip(*runs, strict=True):
        yield number, at_0, at_1, at_2


def tolerance(dtype: torch.dtype) -> float:
    """The relative error that a few roundings leave; half precision has no room for many."""
    eps = float(torch.finfo(dtype).eps)
    return (4.0 if eps > 1e-4 else 256.0) * eps


def _affine(at_0: Tensor, at_1: Tensor, at_2: Tensor) -> bool:
    if not at_0.is_floating_point() or at_0.numel() < 2 or not at_0.shape == at_1.shape == at_2.shape:
        return False
    zero, one, two = at_0.double(), at_1.double(), at_2.double()
    if not (torch.isfinite(zero).all() and torch.isfinite(two).all()):
        return False
    slope, bend = (one - zero).abs().max(), (two - 2 * one + zero).abs().max()
    size = torch.maximum(zero.abs().max(), two.abs().max())
    close = tolerance(at_0.dtype)
    return bool(slope > close * size and bend <= close * size)


def noise_bits(tape: Tape, eps: int) -> int:
    """The source bits of the draws that feed this noise; dropout and other masks are no part of it."""
    bits = 0
    for draw in draws_of(tape, eps):
        if draw.family is not Family.MASK:
            bits |= Tape.bit(draw)
    return bits


def _location(graph: Graph, eps: int, z: int, at_0: Tensor) -> int | None:
    """The last value on the way to z, free of noise, that z is without its noise, whatever that value is."""
    tape, noise = graph.tape, noise_bits(graph.tape, eps)
    flat = at_0.flatten()
    close = tolerance(at_0.dtype) * float(flat.abs().max())
    for number in sorted(graph.ancestors(z) - {z}, reverse=True):
        value = tape.values[number]
        tensor = value.tensor
        if not tensor.is_floating_point() or value.sources & noise or not graph.depends_on_input(number):
            continue
        count = tensor.numel()
        if count < 2 or at_0.numel() % count:
            continue
        data = value.data
        if count == at_0.numel():
            same = bool((data.flatten() - flat).abs().max() <= close)
        else:
            same = _broadcasts_to(data, at_0) and bool((data - at_0).abs().max() <= close)
        if same and _moves_alike(tape, eps, z, number):
            return number
    return None


def _moves_alike(tape: Tape, eps: int, z: int, number: int) -> bool:
    """Whether z without noise is the value also where that is far from what was recorded: no clamp lies between."""
    recorded, noise = tape.values[number].data, tape.values[eps].tensor
    still = torch.zeros_like(noise, requires_grad=False)
    for distance in _FAR:
        far = distance * pattern(recorded.shape, recorded.dtype, recorded.device)
        try:
            found = replay(tape, {eps: still, number: far}, (z,))[z]
        except ReplayError:
            return True
        if torch.isfinite(found).all():
            wanted = far.flatten() if far.numel() == found.numel() else far.expand_as(found).flatten()
            return bool((found.flatten() - wanted).abs().max() <= tolerance(found.dtype) * distance)
    return False


def _broadcasts_to(small: Tensor, large: Tensor) -> bool:
    pairs = zip(reversed(small.shape), reversed(large.shape), strict=False)
    return small.dim() <= large.dim() and all(a in (1, b) for a, b in pairs)


def _scale(graph: Graph, sample: Sample, at_0: Tensor, at_1: Tensor, unit: Tensor) -> int | None:
    """The value that multiplies eps on its way to z: the last one, free of noise, that changes the slope."""
    tape = graph.tape
    between = affected(tape, (sample.eps,)) & graph.ancestors(sample.z)
    slope = at_1 - at_0
    noise = noise_bits(tape, sample.eps)
    tried: set[int] = set()
    for step in reversed(tape.steps):
        if not any(n in between for n in step.outputs):
            continue
        for number in reversed(step.inputs):
            value = tape.values[number]
            if number in tried or value.sources & noise or not graph.depends_on_input(number):
                continue
            tried.add(number)
            if not value.tensor.is_floating_point():
                continue
            larger = 1.25 * value.data
            out = [replay(tape, {sample.eps: c * unit, number: larger}, (sample.z,))[sample.z] for c in (0.0, 1.0)]
            change = ((out[1] - out[0]) - slope).abs().max()
            if change > 0.01 * slope.abs().max():
                return number
    return None
