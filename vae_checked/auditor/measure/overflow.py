"""At which value of the second head a number first stops being finite, and which."""

from __future__ import annotations

import math

import torch

from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recording.origins import origin_of
from vae_checked.auditor.recording.replay import stream
from vae_checked.facts import Fact, Interval, Overflow

_GRID = (2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0, 192.0, 256.0, 512.0, 1024.0, 1e4)
_HALVINGS = 12
_HARMLESS = 1.0  # a width of the prior's order, whatever the second head means


def overflow(seen: Recognition, latent: Latent, interval: Interval | None) -> Fact[Overflow] | None:
    """The first overflow as the second head grows, z and the loss included; at infinity where there is none."""
    if latent.second is None or latent.std is None:
        return None
    tape = seen.run.tape
    highest = math.inf if interval is None else interval.high
    if _not_finite(seen, latent, latent.second, _HARMLESS) is not None:
        return None  # something else is not finite
    below, above, first = 0.0, math.inf, None
    for s in _GRID:
        if s > highest:
            break
        number = _not_finite(seen, latent, latent.second, s)
        if number is not None:
            above, first = s, number
            break
        below = s
    kind = str(tape.values[latent.second].tensor.dtype).removeprefix("torch.")
    if first is None:
        return Fact(Overflow("nothing", math.inf, kind), origin_of(tape, latent.std))
    for _ in range(_HALVINGS):
        middle = 0.5 * (below + above)
        number = _not_finite(seen, latent, latent.second, middle)
        if number is None:
            below = middle
        else:
            above, first = middle, number
    value = tape.values[first]
    name = "std" if first == latent.std else "z" if first == latent.z else _operation(seen, first)
    dtype = str(value.tensor.dtype).removeprefix("torch.")
    return Fact(Overflow(name, float(f"{above:.3g}"), dtype), origin_of(tape, first))


def _operation(seen: Recognition, number: int) -> str:
    tape = seen.run.tape
    index = tape.values[number].step
    if index is None:
        return "the second head"
    step = tape.steps[index]
    if step.name in ("sum", "mean") and step.inputs:
        count = tape.values[step.inputs[0]].tensor.numel() // max(1, tape.values[number].tensor.numel())
        return f"a {step.name} of {count} numbers"
    return step.name


def _not_finite(seen: Recognition, latent: Latent, second: int, s: float) -> int | None:
    """The first value between the second head and z or the loss that is not finite at `s`."""
    tape = seen.run.tape
    driven = {second: torch.full_like(tape.values[second].tensor, s, requires_grad=False)}
    ways: list[tuple[dict[int, torch.Tensor], int]] = [({}, latent.z)]
    if seen.total is not None:
        # What the decoder makes of a large z is its own affair.
        still = (*latent.every_z, *(() if seen.join is None else seen.join.predictions))
        ways.append(({n: tape.values[n].data for n in still}, seen.total))
    with torch.no_grad():
        for held, wanted in ways:
            affected = seen.graph.descendants((second,), without=held)
            try:
                for number, tensor in stream(tape, {**driven, **held}, (wanted,)):
                    if number in affected and tensor.is_floating_point() and not torch.isfinite(tensor).all():
                        return number
            except (RuntimeError, ValueError):
                continue
    return None
