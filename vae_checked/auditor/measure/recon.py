"""The reconstruction term by its gradient: which likelihood it is, its weight and sign, and the order of arguments."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vae_checked.auditor.measure.kl_fit import CLOSE, close_in
from vae_checked.auditor.recognition.join import Join
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recognition.reconstruction import ReconMeasured
from vae_checked.auditor.recording.origins import place_of
from vae_checked.auditor.recording.replay import replay
from vae_checked.facts import Likelihood, Origin
from vae_checked.mathematics.likelihoods import POISSON_OF_RATE, Error, error_of

_Slope = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class _Form:
    """d loss / d prediction p, and for forms that share it d loss / d target t, of one element.

    `bounded`: the prediction is a probability or a rate, so that the loss need not run on all numbers.
    """

    kind: Likelihood
    by_prediction: _Slope
    by_target: _Slope | None = None
    swapped: bool = False
    bounded: bool = False


def _form(error: Error, *, by_both: bool = False, bounded: bool = False) -> _Form:
    """A likelihood as its gradients show it: a loss that runs is a black box, so its values are not compared."""
    return _Form(
        error.kind,
        lambda p, t: error.by_prediction(p, t, torch),
        (lambda p, t: error.by_target(p, t, torch)) if by_both else None,
        bounded=bounded,
    )


def _swapped(error: Error, *, bounded: bool = False) -> _Form:
    """The same, handed the target as the prediction and the other way round."""
    return _Form(
        error.kind,
        lambda p, t: error.by_target(t, p, torch),
        lambda p, t: error.by_prediction(t, p, torch),
        swapped=True,
        bounded=bounded,
    )


_FORMS = (
    _form(error_of(Likelihood.MSE)),
    _form(error_of(Likelihood.L1)),
    _form(error_of(Likelihood.SMOOTH_L1)),
    _form(error_of(Likelihood.BCE_WITH_LOGITS)),
    _form(error_of(Likelihood.POISSON)),
    _form(POISSON_OF_RATE, bounded=True),
    _form(error_of(Likelihood.BCE), bounded=True),
    _form(error_of(Likelihood.CROSS_ENTROPY), by_both=True, bounded=True),
    _swapped(error_of(Likelihood.BCE), bounded=True),
    _swapped(error_of(Likelihood.BCE_WITH_LOGITS)),
)
# The cross entropy of log probabilities is linear in them: it is a likelihood only where log_softmax made them.
_OF_LOGARITHMS = _Form(Likelihood.CROSS_ENTROPY, lambda p, t: -t, lambda p, t: -p, bounded=True)


def with_prediction(seen: Recognition) -> Recognition:
    """The same with that candidate of its join as prediction at which a likelihood is seen; unchanged without one."""
    if seen.join is None or seen.total is None:
        return seen
    for candidate in seen.join.candidates:
        tried = replace(seen.join, prediction=candidate)
        found = _measured(seen, tried, seen.total)
        if found.kind is not None:
            return replace(seen, join=tried, judged=(tried, seen.total, found))
    return seen


def measure_recon(seen: Recognition) -> ReconMeasured | None:
    """The reconstruction term; None without a loss in which a prediction meets the data."""
    if seen.join is None or seen.total is None:
        return None
    if seen.judged is not None:
        join, total, found = seen.judged
        # Whoever looks at another loss, or at another prediction, asks anew.
        if join is seen.join and total == seen.total:
            return found
    return _measured(seen, seen.join, seen.total)


def fit_likelihood(p: Tensor, t: Tensor, by_p: Tensor) -> tuple[Likelihood, float] | None:
    """The likelihood and the weight of one element's error, by a gradient at one prediction; None where none fits.

    Saturated elements, at which a cross entropy's gradient is clamped, are left out.
    """
    flat = [each.detach().double().flatten() for each in (p, t, by_p)]
    inside = (flat[0] - 0.5).abs() < 0.499
    for form in _FORMS:
        if form.by_target is not None:
            continue
        chosen = [each[inside] for each in flat] if form.bounded else flat
        if not chosen[0].numel():
            continue
        weight = _factor(form.by_prediction(chosen[0], chosen[1]), chosen[2], close_in(by_p.dtype))
        if weight is not None:
            return form.kind, weight
    return None


def _measured(seen: Recognition, join: Join, total: int) -> ReconMeasured:
    tape = seen.run.tape
    origin = Origin(join.step.name, place_of(join.step))
    if join.of_classes:
        return _of_classes(seen, join, total, origin)
    prediction, target = tape.values[join.prediction].tensor, tape.values[join.target].tensor
    spread = prediction.numel() // max(1, target.numel())
    copies = spread * (1 if seen.by_rows else 1 + len(join.others))
    if prediction.numel() != spread * target.numel():
        return ReconMeasured(None, None, False, origin, "prediction and data have different numbers of elements")
    inside = [p for p in (_gradient(seen, join, total, seed, 0.04, 0.96) for seed in (1, 2)) if p is not None]
    if len(inside) < 2:
        return ReconMeasured(None, None, False, origin, "the loss cannot be run with another prediction")
    wide = _gradient(seen, join, total, 3, -3.0, 3.0)
    for form in (*_FORMS, *([_OF_LOGARITHMS] if _are_logarithms(seen, join) else [])):
        points = [*inside, *([wide] if wide is not None and not form.bounded else [])]
        weights = [_weight(point, form) for point in points]
        found = [weight for weight in weights if weight is not None]
        if len(found) < len(points):
            continue
        if all(math.isclose(found[0], other, rel_tol=inside[0].close) for other in found):
            return ReconMeasured(form.kind, found[0] * copies, form.swapped, origin, copies=copies)
        return ReconMeasured(form.kind, None, form.swapped, origin, "the term's weight changes with the data")
    of_bound = _of_a_bound(seen, join, total) if copies > 1 else None
    if of_bound is not None:
        form, weight = of_bound
        return ReconMeasured(form.kind, weight * copies, form.swapped, origin, copies=copies, is_bound=True)
    if _own_weights(inside[0], inside[1]):
        return ReconMeasured(Likelihood.GAUSSIAN_NLL, None, False, origin, "each element has a weight of its own")
    return ReconMeasured(None, None, False, origin, "its gradient is that of no likelihood known here")


def _of_a_bound(seen: Recognition, join: Join, total: int) -> tuple[_Form, float] | None:
    """The likelihood in a bound of several samples, and the weight of one element; None where none is seen.

    Such a bound weighs its samples by how likely each is; samples that are all alike weigh the same.
    """
    points = [_gradient(seen, join, total, seed, 0.04, 0.96, alike=True) for seed in (1, 2)]
    for form in _FORMS:
        weights = [None if point is None else _weight(point, form) for point in points]
        first, second = weights
        if first is not None and second is not None and math.isclose(first, second, rel_tol=CLOSE):
            return form, first
    return None


def _are_logarithms(seen: Recognition, join: Join) -> bool:
    """Whether the prediction is what log_softmax gave, rearranged at most."""
    tape = seen.run.tape
    for number in seen.graph.moved_from(join.prediction, seen.graph.follows(join.prediction)):
        index = tape.values[number].step
        if index is not None and tape.steps[index].name == "_log_softmax":
            return True
    return False


def _of_classes(seen: Recognition, join: Join, total: int, origin: Origin) -> ReconMeasured:
    """The cross entropy of labels: each adds minus the log probability of its class, with one weight for all.

    Labels that are passed over, as those that fill up a shorter sentence, have none.
    """
    tape = seen.run.tape
    number = join.step.inputs[0]
    if not seen.graph.cuts(number, {join.argument}, {total}):
        why = "the prediction reaches the loss by another way than its labels, as where these are smoothed"
        return ReconMeasured(None, None, False, origin, why)
    recorded = tape.values[number].data
    generator = torch.Generator().manual_seed(1)
    drawn = torch.rand(recorded.shape, generator=generator, dtype=torch.float64).to(recorded) - 3.0
    still = [n for latent in seen.latents for n in (*latent.heads, *latent.every_z)]
    slopes = []
    for leaf in (drawn.clone().requires_grad_(), (2.0 * drawn).requires_grad_()):
        try:
            chosen = {**{n: tape.values[n].data for n in still}, number: leaf}
            (slope,) = torch.autograd.grad(replay(tape, chosen, (total,), grad=True)[total].sum(), leaf)
        except (RuntimeError, ValueError):
            return ReconMeasured(None, None, False, origin, "the loss cannot be run with another prediction")
        slopes.append(slope.double())
    found = slopes[0][slopes[0] != 0]
    close = close_in(recorded.dtype)
    if not found.numel() or found.numel() > tape.values[join.target].tensor.numel():
        return ReconMeasured(None, None, False, origin, "its gradient is that of no likelihood known here")
    weight = float(found.median())
    alike = (found - weight).abs().max() <= close * abs(weight)
    if not alike or not torch.allclose(slopes[0], slopes[1], rtol=close, atol=0.0):
        return ReconMeasured(Likelihood.CROSS_ENTROPY, None, False, origin, "each class has a weight of its own")
    return ReconMeasured(Likelihood.CROSS_ENTROPY, -weight, False, origin)


@dataclass(frozen=True, slots=True)
class _Point:
    """Prediction, target and the loss's gradients by both, flat; the target as often as there are predictions."""

    p: Tensor
    t: Tensor
    by_p: Tensor
    by_t: Tensor
    close: float


def _gradient(
    seen: Recognition, join: Join, total: int, seed: int, low: float, high: float, *, alike: bool = False
) -> _Point | None:
    """The loss's gradients at a drawn prediction and target; None where the loss does not run.

    `alike`: all samples of one posterior, and what is made of them, are the same.
    """
    tape = seen.run.tape
    generator = torch.Generator().manual_seed(seed)
    recorded, data = tape.values[join.prediction].tensor, tape.values[join.target].tensor
    places = _places_of_target(seen, join)
    drawn = torch.rand((data if alike else recorded).shape, generator=generator, dtype=torch.float64)
    p = (low + (high - low) * (_spread(drawn, recorded, places) if alike else drawn)).to(recorded)
    of_target = torch.Generator().manual_seed(0)
    t = (0.04 + 0.92 * torch.rand(data.shape, generator=of_target, dtype=torch.float64)).to(data)
    leaf, target = p.detach().clone().requires_grad_(), t.detach().clone().requires_grad_()
    still = [n for latent in seen.latents for n in (*latent.heads, *latent.every_z)]
    chosen = {number: tape.values[number].data for number in (*still, *join.others)}
    if alike:
        chosen |= {**_without_noise(seen), **dict.fromkeys(join.others, p)}
    chosen |= {join.prediction: leaf, join.target: target}
    try:
        loss = replay(tape, chosen, (total,), grad=True)[total]
        if not loss.requires_grad:
            return None
        by_p, by_t = torch.autograd.grad(loss.sum(), (leaf, target), allow_unused=True)
    except (RuntimeError, ValueError):
        return None
    if by_p is None or not torch.isfinite(by_p).all():
        return None
    by_t = torch.zeros_like(t) if by_t is None else by_t
    spread = [_spread(each, p, places) for each in (t.double(), by_t.double())]
    return _Point(
        p.double().flatten(), spread[0].flatten(), by_p.double().flatten(), spread[1].flatten(), close_in(by_p.dtype)
    )


def _spread(small: Tensor, large: Tensor, places: Tensor | None) -> Tensor:
    """`small` as often as `large` holds it; `places` says where each of its elements stands."""
    if small.numel() == large.numel():
        return small.reshape(large.shape)
    if places is not None:
        return small.flatten()[places].reshape(large.shape)
    pairs = zip(reversed(small.shape), reversed(large.shape), strict=False)
    if small.dim() <= large.dim() and all(a in (1, b) for a, b in pairs):
        return small.broadcast_to(large.shape)
    return small.flatten().repeat(large.numel() // small.numel()).reshape(large.shape)


def _places_of_target(seen: Recognition, join: Join) -> Tensor | None:
    """For each element of the prediction that of the target that it meets, where this is repeated for its samples."""
    tape = seen.run.tape
    data, size = tape.values[join.target].data, tape.values[join.prediction].tensor.numel()
    if data.numel() == size:
        return None
    counted = torch.arange(data.numel(), device=data.device).view(data.shape).to(torch.float64)
    for number in join.step.inputs:
        met = tape.values[number]
        if number == join.argument or met.tensor.numel() != size:
            continue
        try:
            places = replay(tape, {join.target: counted}, (number,))[number].long().flatten()
        except RuntimeError:
            continue
        within = int(places.min()) >= 0 and int(places.max()) < data.numel()
        if within and torch.equal(data.flatten()[places], met.data.flatten()):
            return places
    return None


def _without_noise(seen: Recognition) -> dict[int, Tensor]:
    """Every z as it is without its noise: the samples of one posterior are the same."""
    tape = seen.run.tape
    chosen = {
        eps: torch.zeros_like(tape.values[eps].tensor, requires_grad=False)
        for each in seen.latents
        for eps in each.every_eps
    }
    wanted = [z for each in seen.latents for z in each.every_z]
    return {number: value.detach() for number, value in replay(tape, chosen, wanted).items()}


def _weight(point: _Point, form: _Form) -> float | None:
    weight = _factor(form.by_prediction(point.p, point.t), point.by_p, point.close)
    if weight is None or form.by_target is None:
        return weight
    other = _factor(form.by_target(point.p, point.t), point.by_t, point.close)
    return weight if other is not None and math.isclose(weight, other, rel_tol=point.close) else None


def _factor(closed: Tensor, gradient: Tensor, close: float) -> float | None:
    """The one factor between the closed form and the gradient, None where there is none."""
    weight = float(closed @ gradient / (closed @ closed))
    if not math.isfinite(weight) or weight == 0:
        return None
    left = (gradient - weight * closed).abs().max() / (weight * closed).abs().max()
    return weight if float(left) <= close else None


def _own_weights(first: _Point, second: _Point) -> bool:
    """Whether each element's error has a positive weight of its own, alike at two predictions: a learned variance."""
    far = ((first.p - first.t).abs() > 0.05) & ((second.p - second.t).abs() > 0.05)
    one, other = (first.by_p / (first.p - first.t))[far], (second.by_p / (second.p - second.t))[far]
    return bool(far.any()) and bool((one > 0).all()) and bool(((one - other).abs() <= first.close * one.abs()).all())
