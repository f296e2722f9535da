"""How std follows from the head for std."""

from __future__ import annotations

import math

import torch

from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recognition.samples import pattern, tolerance
from vae_checked.auditor.recording.origins import origin_of
from vae_checked.auditor.recording.replay import replay
from vae_checked.facts import Fact, Interval, Origin, StdCurve
from vae_checked.mathematics.gaussians import fit_std

_SHOWN = (-1.0, 0.0, 2.0)
_SHOWN_POSITIVE = (0.25, 1.0, 4.0)
_REAL_LINE = (-9.0, -6.5, -4.2, -2.7, -1.6, -0.7, 0.4, 0.9, 1.8, 2.9, 4.1, 5.7, 7.5)
_HALF_LINE = (0.003, 0.02, 0.09, 0.3, 0.7, 1.3, 2.2, 4.7, 9.5, 31.0)
_CLOSE, _FLOOR = 0.01, 1e-4


def std_curve(seen: Recognition, latent: Latent, interval: Interval | None) -> Fact[StdCurve] | None:
    """The curve of std over its head, driven through both tails, and the parametrisation that fits all of it."""
    if latent.second is None or latent.std is None:
        return None
    positive = interval is not None and interval.low >= 0
    reachable = interval or Interval()
    grid = [s for s in (_HALF_LINE if positive else _REAL_LINE) if reachable.low <= s <= reachable.high]
    shown = [s for s in (_SHOWN_POSITIVE if positive else _SHOWN) if reachable.low <= s <= reachable.high]
    if len(grid) < 3:
        low, high = max(reachable.low, -8.0), min(reachable.high, 8.0)
        grid = [low + (high - low) * k / 7 for k in range(1, 7)]
        shown = [grid[0], grid[2], grid[5]]
    measured = [(s, std) for s in grid if (std := std_at(seen, latent, latent.second, s)) is not None]
    rounding = 8.0 * float(torch.finfo(seen.run.tape.values[latent.std].tensor.dtype).eps)
    fitting = fit_std(measured, max(_CLOSE, rounding), _FLOOR)
    points = tuple((s, std) for s in shown if (std := std_at(seen, latent, latent.second, s)) is not None)
    source = fitting.formula if fitting is not None else "a function that no parametrisation has"
    return Fact(
        StdCurve(fitting, points), Origin(source, origin_of(seen.run.tape, _drawn_with(seen, latent, latent.std)).place)
    )


def _drawn_with(seen: Recognition, latent: Latent, std: int) -> int:
    """std as the sampler makes it: where the loss makes the same of the head for std as well, the last before z."""
    before = [number for number in seen.run.tape.copies_of(std) if number < latent.z]
    return max(before, default=std)


def drawn_around_mu(seen: Recognition, latent: Latent) -> bool:
    """Whether z without noise is mu, rearranged or repeated at most, wherever the prior has nearly all of its mass."""
    if latent.mu == latent.location:
        return True
    tape = seen.run.tape
    recorded = tape.values[latent.mu].data
    drawn = pattern(recorded.shape, recorded.dtype, recorded.device)
    found = replay(tape, {latent.mu: drawn}, (latent.location,))[latent.location].flatten()
    wanted = drawn.flatten().sort().values.repeat_interleave(found.numel() // drawn.numel())
    if found.numel() != wanted.numel():
        return False
    return bool((found.sort().values - wanted).abs().max() <= 2.0 * tolerance(found.dtype))


def std_at(seen: Recognition, latent: Latent, second: int, s: float) -> float | None:
    """The std of z when every element of the head for std is `s`; None where it is no finite number."""
    tape = seen.run.tape
    noise = tape.values[latent.eps].tensor
    heads = {second: torch.full_like(tape.values[second].tensor, s, requires_grad=False)}
    try:
        at_0, at_1 = (
            replay(tape, {latent.eps: torch.full_like(noise, c, requires_grad=False), **heads}, (latent.z,))[
                latent.z
            ].double()
            for c in (0.0, 1.0)
        )
    except (RuntimeError, ValueError):
        return None
    std = float((at_1 - at_0).abs().median())  # eps and -eps have one law
    return std if math.isfinite(std) else None
