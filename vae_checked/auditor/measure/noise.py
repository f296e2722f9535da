"""The law of eps, the axes that share one eps, and when z is random."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor

from vae_checked.auditor.recognition.graph import is_layout
from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recognition.samples import draws_of, is_linear_in
from vae_checked.auditor.recording.origins import origin_of, place_of
from vae_checked.auditor.recording.randomness import Family
from vae_checked.auditor.recording.replay import replay
from vae_checked.auditor.recording.tape import Draw, Tape
from vae_checked.facts import Axis, Fact, Noise, NoiseLaw, Origin

# 20000 draws: a mean of N(0, 1) strays 6 standard errors with probability 2e-9, and so does its standard deviation.
_SAMPLES = 20_000
_ERRORS = 6.0
# Kolmogorov-Smirnov: P(D > 3.0 / sqrt(n)) = 2 exp(-18) = 3e-8.
_KS = 3.0
_BINS = 32
_FEWEST = 4
_SUMS_UP, _JOINED = frozenset(("mean", "sum")), frozenset(("stack", "cat"))
_ADDS_UP = frozenset(("add", "sub", "lerp", "mean", "sum"))


def noise_law(first: Recognition, others: Sequence[Recognition], latent: Latent) -> Fact[Noise] | None:
    """The law of eps by many draws of its sources; constant where `others` drew the same. False alarm below 1e-6.

    Of several samples of one posterior, the law of the first whose noise is not N(0, 1).
    """
    found = [_noise_law(first, others, each) for each in latent.every_sample(first.run.tape)]
    odd = (law for law in found if law is not None and law.value.law is not NoiseLaw.STANDARD_NORMAL)
    return next(odd, None if None in found else found[0])


def _noise_law(first: Recognition, others: Sequence[Recognition], latent: Latent) -> Fact[Noise] | None:
    tape = first.run.tape
    if _is_taken_for_noise(first, latent):
        return Fact(Noise(NoiseLaw.POSTERIOR), origin_of(tape, latent.z))
    origin = _origin(tape, latent)
    if any(_constant(first, other, latent) for other in others):
        value = tape.values[latent.eps].tensor
        return Fact(Noise(NoiseLaw.CONSTANT, float(value.mean()), float(value.std(correction=0))), origin)
    drawn = _many(tape, latent)
    if drawn is None:
        return None
    drawn = drawn.double()
    mean, std, shares = float(drawn.mean()), float(drawn.std()), _shares(drawn)
    error = 1.0 / math.sqrt(drawn.numel())
    if abs(mean) < _ERRORS * error and abs(std - 1.0) < _ERRORS * error and _distance(drawn, 0.0, 1.0) < _KS * error:
        if _is_of_another_law_besides(first, latent) or _is_averaged(first, latent):
            return None
        return Fact(Noise(NoiseLaw.STANDARD_NORMAL, 0.0, 1.0, shares), origin)
    if std > 0 and _distance(drawn, mean, std) < _KS * error:
        return Fact(Noise(NoiseLaw.NORMAL, mean, std, shares), origin)
    low, high = float(drawn.min()), float(drawn.max())
    if high > low and _uniform_distance(drawn, low, high) < _KS * error:
        return Fact(Noise(NoiseLaw.UNIFORM, mean, std, shares), origin)
    return Fact(Noise(NoiseLaw.OTHER, mean, std, shares), origin)


def _is_of_another_law_besides(seen: Recognition, latent: Latent) -> bool:
    """Whether z is linear in a draw of another law as well, as in the second part of a covariance with two.

    Noise on the data is none: what a network makes of it is not linear in it. Nor is that of another latent, unless
    z is no more than that with something added.
    """
    tape = seen.run.tape
    before, _ = seen.graph.elementwise_past(latent.location, seen.graph.follows(latent.location))
    own = [each for each in seen.latents if each.z == latent.z or before.isdisjoint(each.every_z)]
    known = {draw.number for each in own for one in each.every_sample(tape) for draw in one.draws}
    return any(
        draw.number not in known and not _is_standard(draw) and is_linear_in(tape, draw.number, latent.z)
        for draw in draws_of(tape, latent.z)
        if draw.family is not Family.MASK
    )


def _is_averaged(seen: Recognition, latent: Latent) -> bool:
    """Whether two samples of the posterior are added up before anything is made of them: their mean has less noise."""
    tape, graph = seen.run.tape, seen.graph
    end = seen.join.argument if seen.join is not None else seen.x_hat
    samples = {sample.z for each in seen.latents if latent.mu == each.mu for sample in each.every_sample(tape)}
    if end is None or len(samples) < 2:
        return False
    leads_on = graph.ancestors(end)
    for step in tape.steps:
        name = step.name.rstrip("_")
        if name not in _ADDS_UP or leads_on.isdisjoint(step.outputs):
            continue
        made = None if name not in _SUMS_UP else tape.values[step.inputs[0]].step
        joined = None if made is None else tape.steps[made]
        parts = joined.inputs if joined is not None and joined.name in _JOINED else step.inputs
        of_each = [graph.elementwise_past(n)[0] & samples for n in parts]
        if any(one and other and one.isdisjoint(other) for one, other in combinations(of_each, 2)):
            return True
    return False


def _is_standard(draw: Draw) -> bool:
    return draw.family is Family.NORMAL and (draw.parameters or (0.0, 1.0)) == (0.0, 1.0)


def shared_over(seen: Recognition, latent: Latent) -> Fact[frozenset[Axis]] | None:
    """The axes of z along which one eps serves all elements, of its first sample of which some axis shares it."""
    found = [_shared_over(seen, each) for each in latent.every_sample(seen.run.tape)]
    return next((axes for axes in found if axes is not None and axes.value), None if None in found else found[0])


def _shared_over(seen: Recognition, latent: Latent) -> Fact[frozenset[Axis]] | None:
    tape = seen.run.tape
    noise, z = tape.values[latent.eps].tensor, tape.values[latent.z].tensor
    batch = seen.batch
    if z.shape[0] != batch or z.dim() < 2:
        return None
    at_0, at_1 = (
        replay(tape, {latent.eps: torch.full_like(noise, c, requires_grad=False)}, (latent.z,))[latent.z].double()
        for c in (0.0, 1.0)
    )
    realised = ((z.detach().double() - at_0) / (at_1 - at_0)).reshape(batch, -1)
    if not torch.isfinite(realised).all():
        return None
    axes = set()
    if batch > 1 and _same_rows(realised):
        axes.add(Axis.BATCH)
    if realised.shape[1] > 1 and _same_rows(realised.T):
        axes.add(Axis.LATENT)
    elif z.dim() > 2:
        by_axis = realised.reshape(z.shape)
        for axis in range(1, z.dim()):
            if z.shape[axis] > 1 and _same_rows(by_axis.movedim(axis, 0).flatten(1)):
                axes.add(Axis.LATENT if axis == 1 else Axis.EVENT)
    return Fact(frozenset(axes), _origin(tape, latent))


def _is_taken_for_noise(seen: Recognition, latent: Latent) -> bool:
    """Whether something made of z is mean + std * z, as only what is made of eps is, by whatever operations."""
    if latent.std is None:
        return False
    values = seen.run.tape.values
    z, mean, std = (values[n].tensor.detach().double() for n in (latent.z, latent.location, latent.std))
    if not z.shape == mean.shape == std.shape or z.numel() < _FEWEST:  # of fewer numbers some agree by chance
        return False
    again = mean + std * z
    if any(torch.allclose(again, each) for each in (z, mean)):  # with a mean of 0 or a std of 0 or 1 copies agree too
        return False
    made = (values[n].tensor for n in seen.graph.descendants((latent.z,)) if n not in latent.every_z)
    return any(each.shape == z.shape and torch.allclose(each.detach().double(), again, rtol=1e-5) for each in made)


def _origin(tape: Tape, latent: Latent) -> Origin:
    draw = latent.draws[0]
    place = None if draw.step is None else place_of(tape.steps[draw.step])
    return Origin(draw.source, place or origin_of(tape, latent.eps).place)


def _constant(first: Recognition, second: Recognition, latent: Latent) -> bool:
    """Whether another run with another state of the generators drew the same numbers."""
    pairs = [
        (first.run.tape.values[draw.number].data, second.run.tape.values[second.run.tape.draws[draw.index].number].data)
        for draw in latent.draws
        if draw.index < len(second.run.tape.draws)
    ]
    return bool(pairs) and all(_overlap(a.flatten(), b.flatten()) for a, b in pairs)


def _overlap(a: Tensor, b: Tensor) -> bool:
    # Of two draws of different sizes from one state torch makes the beginnings alike, in blocks of 16.
    count = a.numel() if a.numel() == b.numel() else min(a.numel(), b.numel(), 8)
    return count > 1 and torch.equal(a[:count], b[:count])


def _many(tape: Tape, latent: Latent) -> Tensor | None:
    """About 20000 draws of eps, made by running its sources again; None where a source cannot be run again."""
    generator = torch.Generator().manual_seed(1)
    if len(latent.draws) == 1 and _only_moved(tape, latent.eps, latent.draws[0].number):
        return _again(latent.draws[0], torch.empty(_SAMPLES, dtype=tape.values[latent.eps].tensor.dtype), generator)
    found: list[Tensor] = []
    have = 0
    while have < _SAMPLES:
        chosen = {}
        for draw in latent.draws:
            fresh = _again(draw, tape.values[draw.number].data, generator)
            if fresh is None:
                return None
            chosen[draw.number] = fresh
        eps = replay(tape, chosen, (latent.eps,))[latent.eps].double().flatten()
        # An eps that is spread over several axes counts once.
        spread = eps.numel() > sum(fresh.numel() for fresh in chosen.values())
        found.append(torch.unique(eps) if spread else eps)
        have += found[-1].numel()
    return torch.cat(found)


def _only_moved(tape: Tape, number: int, source: int) -> bool:
    """Whether the value holds the numbers of `source`, reordered or spread at most."""
    while number != source:
        index = tape.values[number].step
        if index is None or not is_layout(tape.steps[index]) or len(tape.steps[index].inputs) != 1:
            return False
        number = tape.steps[index].inputs[0]
    return True


def _again(draw: Draw, recorded: Tensor, generator: torch.Generator) -> Tensor | None:
    """The draw made again in the shape, dtype and place of `recorded`."""
    if draw.parameters is None:
        return None
    if draw.family is Family.NORMAL:
        mean, std = draw.parameters or (0.0, 1.0)
        fresh = mean + std * torch.randn(recorded.shape, generator=generator, dtype=torch.float64)
    elif draw.family is Family.UNIFORM:
        low, high = draw.parameters or (0.0, 1.0)
        fresh = low + (high - low) * torch.rand(recorded.shape, generator=generator, dtype=torch.float64)
    elif draw.family is Family.EXPONENTIAL:
        rate = draw.parameters[0] if draw.parameters else 1.0
        fresh = torch.empty(recorded.shape, dtype=torch.float64).exponential_(rate, generator=generator)
    else:
        return None
    return fresh.to(recorded)


def _shares(drawn: Tensor) -> tuple[float, ...]:
    counts = torch.histc(drawn, bins=_BINS, min=-4.0, max=4.0)
    return tuple(round(float(count) / drawn.numel(), 5) for count in counts)


def _same_rows(matrix: Tensor) -> bool:
    return bool((matrix - matrix[:1]).abs().max() <= 1e-5 * matrix.abs().max())


def _distance(drawn: Tensor, mean: float, std: float) -> float:
    ordered = torch.sort(drawn).values
    expected = 0.5 * (1 + torch.erf((ordered - mean) / (std * math.sqrt(2))))
    return _largest_gap(expected)


def _uniform_distance(drawn: Tensor, low: float, high: float) -> float:
    ordered = torch.sort(drawn).values
    return _largest_gap((ordered - low) / (high - low))


def _largest_gap(expected: Tensor) -> float:
    n = expected.numel()
    steps = torch.arange(1, n + 1, dtype=torch.float64) / n
    return float(torch.maximum((steps - expected).abs(), (expected - steps + 1 / n).abs()).max())
