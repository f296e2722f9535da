"""From the weight that a term's elements have in the loss to its reductions and its factor.

A weight alone does not tell a mean from a factor; the sizes of two batches, and the means on the tape, do.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from vae_checked.auditor.recognition.graph import Graph
from vae_checked.auditor.recording.origins import names_in
from vae_checked.auditor.recording.tape import Step, Tape
from vae_checked.facts import Factor, Reduced, Reduction

_MEANS = names_in(
    "mean mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits kl_div"
)
_BY_MEAN = 1
_FORMULA = (-2.0, -1.0, -0.5, 0.5, 2.0)
_WRITTEN_OUT = (0.5, 1.0, 2.0)
_CLOSE = 1e-2


@dataclass(frozen=True, slots=True)
class Way:
    """What lies on the way of a term to the loss: how many elements each mean takes, and the constants beside it.

    `unknown_weight`: a weight that nobody gave takes part.
    """

    means: tuple[int, ...]
    scales: tuple[float, ...]
    unknown_weight: bool = False

    def without(self, copies: int) -> Way:
        """The same way once its mean over several copies of a sample is left out."""
        if copies == 1:
            return self
        for place, mean in enumerate(self.means):
            if mean % copies == 0:
                return replace(self, means=(*self.means[:place], mean // copies, *self.means[place + 1 :]))
        return self

    @property
    def named(self) -> tuple[float, ...]:
        """The scales that are part of no formula; a factor of exactly 1 is a weight that has a name."""
        return tuple(scale for scale in self.scales if scale not in _FORMULA)

    @property
    def explicit(self) -> bool:
        """Whether the author weighs the term."""
        return self.unknown_weight or bool(self.named)


def way_to(
    tape: Tape,
    graph: Graph,
    begins: Collection[int],
    total: int,
    cut: Collection[int] = (),
    unknown_weight: bool = False,
) -> Way:
    """The way from the values `begins` to `total`, the values `cut` closed."""
    on = graph.between(begins, total, cut)
    means: list[int] = []
    scales: list[float] = []
    for step in tape.steps:
        if not any(n in on for n in step.outputs):
            continue
        inputs = [n for n in step.inputs if n in on]
        if not inputs:
            continue
        taken = _mean_count(tape, step, inputs[0])
        if taken > 1:
            means.append(taken)
        scales += _scale(tape, step)
    return Way(tuple(means), tuple(scales), unknown_weight)


def _mean_count(tape: Tape, step: Step, number: int) -> int:
    if step.name not in _MEANS:
        return 1
    before = max(tape.values[n].tensor.numel() for n in step.inputs) if step.name != "mean" else 0
    if step.name == "mean":
        before = tape.values[number].tensor.numel()
    elif _BY_MEAN not in [a for a in step.args[2:] if isinstance(a, int)] and len(step.args) > 2:
        return 1
    after = tape.values[step.outputs[0]].tensor.numel()
    return before // max(1, after)


def _scale(tape: Tape, step: Step) -> list[float]:
    """The constant by which the step multiplies or divides, where the term is a number per sample or for all."""
    if step.name.rstrip("_") not in ("mul", "div"):
        return []
    for position, argument in enumerate(step.args[:2]):
        value: float | None = None
        if isinstance(argument, (int, float)) and not isinstance(argument, bool):
            value = float(argument)
        elif position < len(step.inputs):
            other = tape.values[step.inputs[position]]
            if other.sources == 0 and other.tensor.numel() == 1 and other.tensor.is_floating_point():
                value = float(other.data)
        if value:
            return [value if step.name.startswith("mul") else 1.0 / value]
    return []


def batch_reduction(weights: Sequence[float], batches: Sequence[int], kept: bool) -> Reduction | None:
    """How the batch is reduced, from the weight of an element at two batch sizes."""
    if kept:
        return Reduction.KEPT
    if len(weights) < 2 or batches[0] == batches[1] or not all(weights):
        return None
    ratio = weights[0] / weights[1]
    if math.isclose(ratio, 1.0, rel_tol=_CLOSE):
        return Reduction.SUM
    if math.isclose(ratio, batches[1] / batches[0], rel_tol=_CLOSE):
        return Reduction.MEAN
    return None


def explained(weight: float, batch: int, event: int, way: Way, by_batch: Reduction | None) -> tuple[Reduced, Factor]:
    """The reductions, and the factor that is left of `weight` beside the closed form.

    `weight` is that of one element of the summed term, `event` the number of elements of one sample.
    """
    means = math.prod(way.means)
    inside = means
    if by_batch is Reduction.KEPT and batch > 1 and means % batch == 0:
        # The mean over the batch was added to each sample's loss, and those were summed.
        return explained(weight / batch, batch, event, way, Reduction.MEAN)
    if by_batch is Reduction.MEAN and means % batch == 0:
        inside = means // batch
    per_sample = weight * (batch if by_batch is Reduction.MEAN else 1)
    if inside == 1:
        reduction = Reduction.SUM
    elif inside == event:
        reduction = Reduction.MEAN
    else:
        reduction = Reduction.MIXED
    factor = abs(per_sample) * inside
    # A division by the number of elements is a mean that the author wrote out.
    written_out = any(math.isclose(factor * event, known, rel_tol=_CLOSE) for known in _WRITTEN_OUT)
    if reduction is Reduction.SUM and event > 4 and written_out:
        return Reduced(by_batch, Reduction.MEAN, True), Factor(_rounded(factor * event), True)
    left = factor / abs(math.prod(way.named))
    if by_batch is Reduction.MEAN and batch > 1 and math.isclose(left, batch, rel_tol=_CLOSE):
        left = 1.0  # the named scale is the division by the batch
    if way.named and not math.isclose(left, 1.0, rel_tol=_CLOSE):
        return Reduced(by_batch, reduction, way.explicit), Factor(_rounded(left), False)
    return Reduced(by_batch, reduction, way.explicit), Factor(_rounded(factor), way.explicit)


def _rounded(value: float) -> float:
    nearest = float(f"{value:.3g}")
    return nearest if math.isclose(value, nearest, rel_tol=_CLOSE) else value
