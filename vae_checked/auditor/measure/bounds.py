"""Which of several samples weighs most in a bound of them, as the importance-weighted one: the best, as it should."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recording.origins import place_of
from vae_checked.auditor.recording.replay import replay
from vae_checked.facts import Fact, Origin

_UNEQUAL = 1.05


def weighs_worst(seen: Recognition) -> Fact[bool] | None:
    """Whether the sample with the largest error weighs most in the loss; None where samples weigh alike, or are one.

    Each sample is given an error of another size, z and the heads held still; its weight is the loss's gradient along
    its error, beside that of a squared error.
    """
    join, total = seen.join, seen.total
    if join is None or total is None:
        return None
    tape = seen.run.tape
    recorded, data = tape.values[join.prediction].tensor, tape.values[join.target].data
    axis = _sample_axis(tuple(recorded.shape), tuple(data.shape))
    if axis is None:
        return None
    count = recorded.shape[axis]
    generator = torch.Generator().manual_seed(4)
    away = (0.5 + torch.rand(recorded.shape, generator=generator)).to(recorded)
    sizes = torch.linspace(0.2, 1.0, count).to(recorded)
    shape = [1] * recorded.dim()
    shape[axis] = count
    prediction = (data + away * sizes.view(shape)).detach().requires_grad_()
    still = [n for latent in seen.latents for n in (*latent.heads, *latent.every_z)]
    chosen = {number: tape.values[number].data for number in (*still, *join.others)}
    try:
        loss = replay(tape, {**chosen, join.prediction: prediction}, (total,), grad=True)[total]
        (slope,) = torch.autograd.grad(loss.sum(), prediction)
    except (RuntimeError, ValueError):
        return None
    weights = _weights(slope, prediction.detach() - data, axis)
    least, most = weights[0], weights[-1]
    if not torch.isfinite(weights).all() or bool((weights < 0).any()):
        return None
    origin = Origin(join.step.name, place_of(join.step))
    if bool((most > _UNEQUAL * least).all()):
        return Fact(True, origin)
    return Fact(False, origin) if bool((least > _UNEQUAL * most).all()) else None


def _weights(slope: Tensor, error: Tensor, axis: int) -> Tensor:
    """The weight of each sample's squared error, the sample in front and the data behind."""
    along, size = ((each * error).movedim(axis, 0).double() for each in (slope, error))
    return along.flatten(2).sum(2) / size.flatten(2).sum(2)


def _sample_axis(prediction: tuple[int, ...], target: tuple[int, ...]) -> int | None:
    """The one axis along which a prediction holds several samples of what its target holds once."""
    aligned = (1,) * (len(prediction) - len(target)) + target
    if len(aligned) != len(prediction) or len(prediction) < 3:
        return None
    axes = [axis for axis, (made, taken) in enumerate(zip(prediction, aligned, strict=True)) if made != taken]
    return axes[0] if len(axes) == 1 and aligned[axes[0]] == 1 and prediction[axes[0]] > 1 and axes[0] < 2 else None
