"""The reconstruction term by its gradient: which likelihood it is, its weight and sign, and the order of arguments."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_checked.auditor.observe import Observation
from vae_checked.auditor.replay import replay
from vae_checked.auditor.target import Join
from vae_checked.auditor.words import place_of
from vae_checked.facts import Likelihood, Origin

_CLOSE = 2e-3
_Slope = Callable[[Tensor, Tensor], Tensor]

# d loss / d prediction of one element, the prediction p and the target t; the forms that need p in (0, 1) come last.
_FORMS: tuple[tuple[Likelihood, bool, _Slope], ...] = (
    (Likelihood.MSE, False, lambda p, t: 2 * (p - t)),
    (Likelihood.L1, False, lambda p, t: torch.sign(p - t)),
    (Likelihood.SMOOTH_L1, False, lambda p, t: (p - t).clamp(-1, 1)),
    (Likelihood.BCE_WITH_LOGITS, False, lambda p, t: torch.sigmoid(p) - t),
    (Likelihood.POISSON, False, lambda p, t: torch.exp(p) - t),
    (Likelihood.BCE, False, lambda p, t: (p - t) / (p * (1 - p))),
    (Likelihood.BCE, True, lambda p, t: torch.log1p(-t) - torch.log(t)),
    (Likelihood.BCE_WITH_LOGITS, True, lambda p, t: -t),
)


@dataclass(frozen=True, slots=True)
class ReconMeasured:
    """`kind` None where no likelihood fits, with the reason in `why`; `weight` that of one element of its sum.

    `copies` is the number of reconstructions per input; the weight is that of all of them.
    """

    kind: Likelihood | None
    weight: float | None
    swapped: bool
    origin: Origin
    why: str = ""
    copies: int = 1


def measure_recon(seen: Observation) -> ReconMeasured | None:
    """The reconstruction term; None without a loss in which a prediction meets the data."""
    join = seen.join
    if join is None or seen.total is None:
        return None
    tape, total = seen.run.tape, seen.total
    origin = Origin(join.step.name, place_of(join.step))
    prediction, target = tape.values[join.prediction].tensor, tape.values[join.target].tensor
    copies = prediction.numel() // max(1, target.numel())
    if prediction.numel() != copies * target.numel():
        return ReconMeasured(None, None, False, origin, "prediction and data have different numbers of elements")
    drawn = [
        _gradient(seen, join, total, seed, low, high)
        for seed, low, high in ((1, 0.04, 0.96), (2, 0.04, 0.96), (3, -3.0, 3.0))
    ]
    inside = [each for each in drawn[:2] if each is not None]
    if len(inside) < 2:
        return ReconMeasured(None, None, False, origin, "the loss cannot be run with another prediction")
    wide = drawn[2]
    for kind, swapped, slope in _FORMS:
        points = [*inside, *([wide] if wide is not None and kind is not Likelihood.BCE else [])]
        weights = [_weight(*point, slope) for point in points]
        if any(weight is None for weight in weights):
            continue
        found = [weight for weight in weights if weight is not None]
        if all(math.isclose(found[0], other, rel_tol=_CLOSE) for other in found):
            return ReconMeasured(kind, found[0] * copies, swapped, origin, copies=copies)
        return ReconMeasured(kind, None, swapped, origin, "the term's weight changes with the data")
    if _own_weights(inside[0], inside[1]):
        return ReconMeasured(Likelihood.GAUSSIAN_NLL, None, False, origin, "each element has a weight of its own")
    return ReconMeasured(None, None, False, origin, "its gradient is that of no likelihood known here")


def _gradient(
    seen: Observation, join: Join, total: int, seed: int, low: float, high: float
) -> tuple[Tensor, Tensor, Tensor] | None:
    """(prediction, target, d loss / d prediction), prediction and target drawn; None where the loss does not run."""
    tape = seen.run.tape
    generator = torch.Generator().manual_seed(seed)
    recorded, data = tape.values[join.prediction].tensor, tape.values[join.target].tensor
    p = (low + (high - low) * torch.rand(recorded.shape, generator=generator, dtype=torch.float64)).to(recorded)
    of_target = torch.Generator().manual_seed(0)
    t = (0.04 + 0.92 * torch.rand(data.shape, generator=of_target, dtype=torch.float64)).to(data)
    leaf = p.detach().clone().requires_grad_()
    chosen = {join.prediction: leaf, join.target: t}
    for latent in seen.latents:
        for number in (latent.location, latent.second, latent.z):
            if number is not None and number not in chosen:
                chosen[number] = tape.values[number].data
    try:
        loss = replay(tape, chosen, (total,), grad=True)[total]
        if not loss.requires_grad:
            return None
        (gradient,) = torch.autograd.grad(loss.sum(), leaf)
    except (RuntimeError, ValueError):
        return None
    if not torch.isfinite(gradient).all():
        return None
    target = t.double()
    if t.numel() != p.numel():
        target = target.broadcast_to(p.shape) if _broadcasts(t, p) else target.flatten().repeat(p.numel() // t.numel())
    return p.double().flatten(), target.flatten(), gradient.double().flatten()


def _broadcasts(small: Tensor, large: Tensor) -> bool:
    pairs = zip(reversed(small.shape), reversed(large.shape), strict=False)
    return small.dim() <= large.dim() and all(a in (1, b) for a, b in pairs)


def _weight(p: Tensor, t: Tensor, gradient: Tensor, slope: _Slope) -> float | None:
    closed = slope(p, t)
    weight = float(closed @ gradient / (closed @ closed))
    if not math.isfinite(weight) or weight == 0:
        return None
    left = (gradient - weight * closed).abs().max() / (weight * closed).abs().max()
    return weight if float(left) <= _CLOSE else None


def _own_weights(first: tuple[Tensor, Tensor, Tensor], second: tuple[Tensor, Tensor, Tensor]) -> bool:
    """Whether each element's error has a positive weight of its own, alike at two predictions: a learned variance."""
    (p, t, by_p), (q, _, by_q) = first, second
    far = ((p - t).abs() > 0.05) & ((q - t).abs() > 0.05)
    one, other = (by_p / (p - t))[far], (by_q / (q - t))[far]
    return bool(far.any()) and bool((one > 0).all()) and bool(((one - other).abs() <= _CLOSE * one.abs()).all())
