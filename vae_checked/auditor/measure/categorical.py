"""The KL of a categorical posterior to the uniform prior, by the loss's gradient at the logits.

d KL / d logit_j = q_j (log q_j - sum_k q_k log q_k), however the KL is written. A gradient does not tell a KL from an
entropy, of which more or less may be wanted: that is the value where all classes are alike, 0 for a KL alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_checked.auditor.measure.kl_fit import close_in
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recording.origins import names_in, place_of
from vae_checked.auditor.recording.replay import ReplayError, replay
from vae_checked.facts import Family, KLForm, Origin

_SOFTMAX = names_in("_softmax _log_softmax")
_LOOSE = 5e-3
_LEAST = 1e-6  # of a weight


@dataclass(frozen=True, slots=True)
class CategoricalKL:
    """The logits by their number, the count of their classes, the form of the KL, and the weight of one variable's.

    `number` is the value of which the KL is whole, and `factor` times the KL.
    """

    logits: int
    classes: int
    form: KLForm
    weight: float
    origin: Origin
    number: int
    factor: float


def categorical_kl(seen: Recognition) -> CategoricalKL | None:
    """The KL of a categorical posterior in the loss; None where there is none, or none that is more than an entropy."""
    if seen.total is None:
        return None
    for logits, axis in _candidates(seen, seen.total):
        found = [_weight(seen, seen.total, logits, axis, seed) for seed in (1, 2)]
        first, second = found
        if first is None or second is None or not math.isclose(first, second, rel_tol=_LOOSE):
            continue
        read = _read_at_uniform(seen, seen.total, logits, axis)
        if read is not None:
            number, offset, factor = read
            step = seen.run.tape.values[number].step
            place = None if step is None else place_of(seen.run.tape.steps[step])
            form = KLForm(None, family=Family.CATEGORICAL, offset=offset)
            classes = seen.run.tape.values[logits].tensor.shape[axis]
            return CategoricalKL(logits, classes, form, first, Origin(seen.loss.name, place), number, factor)
    return None


def _candidates(seen: Recognition, total: int) -> Iterator[tuple[int, int]]:
    """Logits with the axis of their classes: what a softmax takes without noise, or what that is the normalised of."""
    tape, graph = seen.run.tape, seen.graph
    held = () if seen.join is None else seen.join.predictions
    leads_on = graph.ancestors(total, without=held)
    known: dict[tuple[int, int], None] = {}
    for step in tape.steps:
        if step.name not in _SOFTMAX or tape.drawn(step.inputs[0]):
            continue
        shape = tape.values[step.inputs[0]].tensor.shape
        axis = next((a for a in step.args[1:] if isinstance(a, int) and not isinstance(a, bool)), -1) % len(shape)
        for number in sorted(graph.elementwise_past(step.inputs[0])[0]):
            if number in leads_on and graph.depends_on_parameters(number) and tape.values[number].tensor.shape == shape:
                known[number, axis] = None
    yield from known


def _held(seen: Recognition) -> dict[int, Tensor]:
    return {} if seen.join is None else {n: seen.run.tape.values[n].data for n in seen.join.predictions}


def _drawn(seen: Recognition, number: int, seed: int) -> Tensor:
    recorded = seen.run.tape.values[number].data
    generator = torch.Generator().manual_seed(seed)
    return (4.0 * torch.rand(recorded.shape, generator=generator, dtype=torch.float64) - 2.0).to(recorded)


def _weight(seen: Recognition, total: int, logits: int, axis: int, seed: int) -> float | None:
    """The one factor between the loss's gradient at drawn logits and that of their KLs; None where there is none."""
    leaf = _drawn(seen, logits, seed).requires_grad_()
    try:
        end = replay(seen.run.tape, {**_held(seen), logits: leaf}, (total,), grad=True)[total]
        (found,) = torch.autograd.grad(end.sum(), leaf)
    except (ReplayError, RuntimeError, ValueError):
        return None
    log_q = leaf.detach().double().log_softmax(axis)
    closed = log_q.exp() * (log_q - (log_q.exp() * log_q).sum(axis, keepdim=True))
    weight = float((closed * found).sum() / closed.square().sum())
    left = float((found - weight * closed).abs().max())
    # The small number that people add inside of the logarithm shows at the least probabilities.
    return weight if weight and left <= 2.0 * close_in(found.dtype) * float((weight * closed).abs().max()) else None


def _read_at_uniform(seen: Recognition, total: int, logits: int, axis: int) -> tuple[int, bool, float] | None:
    """A value on the way that is a multiple of the KL, whether 1 / K stands in it for log(1 / K), and the multiple."""
    tape = seen.run.tape
    held = _held(seen)
    ahead = sorted(seen.graph.between((logits,), total, held) - {logits})
    drawn = [_drawn(seen, logits, seed) for seed in (3, 4)]
    classes, count = drawn[0].shape[axis], drawn[0].numel() // drawn[0].shape[axis]
    kls = [_kl(each.double().log_softmax(axis), classes) for each in drawn]
    try:
        found = [replay(tape, {**held, logits: at}, tuple(ahead)) for at in (torch.zeros_like(drawn[0]), *drawn)]
    except (ReplayError, RuntimeError, ValueError):
        return None
    for number in ahead:
        base, *values = (float(each[number].double().sum()) for each in found)
        factors = [(value - base) / kl for value, kl in zip(values, kls, strict=True)]
        if not abs(factors[0]) > _LEAST or not math.isclose(factors[0], factors[1], rel_tol=_LOOSE):
            continue
        for offset, constant in ((False, 0.0), (True, -math.log(classes) - 1.0 / classes)):
            if abs(base / count - factors[0] * constant) <= _LOOSE * abs(factors[0]):
                return number, offset, factors[0]
    return None


def _kl(log_q: Tensor, classes: int) -> float:
    """The sum of all KLs to the uniform prior; the classes may lie on any axis."""
    return float((log_q.exp() * log_q).sum()) + math.log(classes) * log_q.numel() / classes
