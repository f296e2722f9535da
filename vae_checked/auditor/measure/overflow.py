"""At which value of the head for std a number first stops being finite, and which."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch

from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recording.origins import origin_of
from vae_checked.auditor.recording.replay import stream
from vae_checked.auditor.recording.tape import Tape
from vae_checked.facts import Fact, Interval, Origin, Overflow

_GRID = (2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0, 192.0, 256.0, 512.0, 1024.0, 1e4)
_HALVINGS = 12
_HARMLESS = 1.0  # a width of the prior's order, whatever the head for std means


@dataclass(frozen=True, slots=True)
class _Way:
    """The values that stay as recorded, the value that is wanted, and all that follow from the head for std."""

    held: Mapping[int, torch.Tensor]
    wanted: int
    affected: Collection[int]


def overflow(seen: Recognition, latent: Latent, interval: Interval | None) -> Fact[Overflow] | None:
    """The first overflow as the head for std grows, z and the loss included; at infinity where there is none."""
    if latent.second is None or latent.std is None:
        return None
    tape = seen.run.tape
    highest = math.inf if interval is None else interval.high
    ways = _ways(seen, latent, latent.second)
    if _not_finite(tape, ways, latent.second, _HARMLESS) is not None:
        return None  # something else is not finite
    below, above, first = 0.0, math.inf, None
    for s in _GRID:
        if s > highest:
            break
        number = _not_finite(tape, ways, latent.second, s)
        if number is not None:
            above, first = s, number
            break
        below = s
    kind = str(tape.values[latent.second].tensor.dtype).removeprefix("torch.")
    if first is None:
        return Fact(Overflow("nothing", math.inf, kind), origin_of(tape, latent.std))
    for _ in range(_HALVINGS):
        middle = 0.5 * (below + above)
        number = _not_finite(tape, ways, latent.second, middle)
        if number is None:
            below = middle
        else:
            above, first = middle, number
    value = tape.values[first]
    name = "std" if first == latent.std else "z" if first == latent.z else _operation(seen, first)
    dtype = str(value.tensor.dtype).removeprefix("torch.")
    return Fact(Overflow(name, float(f"{above:.3g}"), dtype), origin_of(tape, first))


def overflowing_at(seen: Recognition) -> Origin | None:
    """Where the first value of the run is made that is not finite, and that makes its end so; None where all are.

    An infinity that is taken back, as a mask of attention is by the softmax that follows, is none.
    """
    tape, graph = seen.run.tape, seen.graph
    numbers = (seen.total, *(seen.run.number(part) for part in seen.run.parts))
    ends = {n for n in numbers if n is not None and _is_endless(tape, n)}
    before = set().union(*(graph.ancestors(end) | {end} for end in ends)) if ends else set()
    first = next((n for n in sorted(before) if graph.depends_on_input(n) and _is_endless(tape, n)), None)
    if first is None:
        return None
    step = tape.values[first].step
    return origin_of(tape, first, "" if step is None else tape.steps[step].name.rstrip("_"))


def _is_endless(tape: Tape, number: int) -> bool:
    recorded = tape.values[number].data
    return recorded.is_floating_point() and not bool(torch.isfinite(recorded).all())


def _operation(seen: Recognition, number: int) -> str:
    tape = seen.run.tape
    index = tape.values[number].step
    if index is None:
        return "the head for std"
    step = tape.steps[index]
    if step.name in ("sum", "mean") and step.inputs:
        count = tape.values[step.inputs[0]].tensor.numel() // max(1, tape.values[number].tensor.numel())
        return f"a {step.name} of {count} numbers"
    return step.name


def _ways(seen: Recognition, latent: Latent, second: int) -> list[_Way]:
    """The ways on which the head for std is followed: to z, and to the loss."""
    tape = seen.run.tape
    ways: list[tuple[dict[int, torch.Tensor], int]] = [({}, latent.z)]
    if seen.total is not None:
        # What the decoder makes of a large z is its own affair.
        still = (*latent.every_z, *(() if seen.join is None else seen.join.predictions))
        ways.append(({n: tape.values[n].data for n in still}, seen.total))
    return [_Way(held, wanted, seen.graph.descendants((second,), without=held)) for held, wanted in ways]


def _not_finite(tape: Tape, ways: Sequence[_Way], second: int, s: float) -> int | None:
    """The first value between the head for std and z or the loss that is not finite at `s`."""
    driven = {second: torch.full_like(tape.values[second].tensor, s, requires_grad=False)}
    with torch.no_grad():
        for way in ways:
            try:
                for number, tensor in stream(tape, {**driven, **way.held}, (way.wanted,)):
                    if number in way.affected and tensor.is_floating_point() and not _is_finite(tensor):
                        return number
            except (RuntimeError, ValueError):
                continue
    return None


def _is_finite(tensor: torch.Tensor) -> bool:
    """Whether all numbers are finite: where their sum is, they are; where it is not, they may be all the same."""
    return math.isfinite(float(tensor.sum())) or bool(torch.isfinite(tensor).all())
