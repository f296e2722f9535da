"""From the weight that a term's elements have in the loss to its reductions and its factor.

The auditor reads no chain axis by axis: it measures the weight of an element, which no way of writing hides. A weight
alone does not tell a mean from a factor; the sizes of two batches, and the means and the numbers on the tape, do. What
the numbers mean, and what counts as a weight that somebody chose, is `mathematics.reductions`' to say.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from vae_checked.auditor.losses.settings import Setting
from vae_checked.auditor.recognition.classes import CROSS_ENTROPIES
from vae_checked.auditor.recognition.graph import Graph
from vae_checked.auditor.recording.literals import names_value
from vae_checked.auditor.recording.origins import names_in
from vae_checked.auditor.recording.tape import Step, Tape
from vae_checked.facts import Factor, Reduced, Reduction
from vae_checked.mathematics.reductions import Number, Scaling, Size, Weight, is_weight, scaled

_MEANS = names_in(
    "mean mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits kl_div"
)
_BY_MEAN = 1
_WRITTEN_OUT = (0.5, 1.0, 2.0)
_CLOSE = 1e-2


@dataclass(frozen=True, slots=True)
class Way:
    """What lies on the way of a term to the loss: how many elements each mean takes, and the constants beside it.

    `settings` are the loss's own numbers that were seen to scale the term, `named` what names stand for that the source
    writes where it scales the term. `spread` is how often the term's elements stand where they are most, as once for
    each of several samples.
    """

    means: tuple[int, ...]
    scales: tuple[Scaling, ...]
    settings: tuple[Setting, ...] = ()
    named: tuple[float, ...] = ()
    spread: int = 1

    def without(self, copies: int) -> Way:
        """The same way once its mean over several copies of a sample is left out."""
        if copies == 1:
            return self
        for place, mean in enumerate(self.means):
            if mean % copies == 0:
                return replace(self, means=(*self.means[:place], mean // copies, *self.means[place + 1 :]))
        return self

    def with_sizes(self, batch: int, other: Way | None, other_batch: int) -> Way:
        """The same way, its batch size distinguished from other numbers: what follows the batch in a second run."""
        beside = [None] * len(self.scales) if other is None else list(other.scales)
        if len(beside) != len(self.scales):
            beside = [None] * len(self.scales)
        found: list[Scaling] = []
        for scale, again in zip(self.scales, beside, strict=True):
            found += _by_batch(scale, batch, again, other_batch)
        return replace(self, scales=tuple(found))

    @property
    def weights(self) -> tuple[Scaling, ...]:
        """What the author weighs the term by: numbers that are part of no formula, and settings of the loss."""
        chosen = [scale for scale in self.scales if is_weight(scale)]
        values = [scale.value for scale in chosen if isinstance(scale, Number)]
        for setting in self.settings:
            if setting.value is None:
                chosen.append(Weight(setting.name))
            elif setting.value in values:
                place = next(i for i, s in enumerate(chosen) if isinstance(s, Number) and s.value == setting.value)
                chosen[place] = Number(setting.value, setting.name, named=True)
            else:
                chosen.append(Number(setting.value, setting.name, named=True))
        return tuple(chosen)


def _by_batch(scale: Scaling, batch: int, again: Scaling | None, other_batch: int) -> list[Scaling]:
    """A number of the tape as a power of the batch size and what is left of it."""
    if not isinstance(scale, Number) or batch == 1:
        return [scale]
    for divides in (True, False):
        power = -1 if divides else 1
        if isinstance(again, Number) and other_batch != batch:
            follows = math.isclose(scale.value / again.value, (batch / other_batch) ** power, rel_tol=1e-6)
        else:
            follows = math.isclose(abs(scale.value), float(batch) ** power, rel_tol=1e-6)
        if follows:
            left = scale.value / float(batch) ** power
            rest = [] if math.isclose(left, 1.0, rel_tol=1e-6) else [Number(left, f"{left:.4g}")]
            return [Size(0, divides=divides), *rest]
    return [scale]


def way_to(
    tape: Tape,
    graph: Graph,
    begins: Collection[int],
    total: int,
    cut: Collection[int] = (),
) -> Way:
    """The way from the values `begins` to `total`, the values `cut` closed."""
    on = graph.between(begins, total, cut)
    means: dict[int, tuple[int, ...]] = {}
    scales: list[Scaling] = []
    named: list[float] = []
    begin = max((tape.values[n].tensor.numel() for n in begins), default=0)
    most = begin
    for step in tape.steps:
        if not any(n in on for n in step.outputs):
            continue
        most = max(most, *(tape.values[n].tensor.numel() for n in step.outputs if n in on))
        inputs = [n for n in step.inputs if n in on]
        if not inputs:
            continue
        taken = _mean_count(tape, step, inputs[0])
        # Of branches that meet, the one with the most means is the way: a sum of two means is one mean.
        before = max((means.get(n, ()) for n in inputs), key=math.prod)
        means.update(dict.fromkeys(step.outputs, (*before, taken) if taken > 1 else before))
        found = _scale(tape, step)
        scales += found
        named += [value for scale in found for value in names_value(step, scale.value)]
    return Way(means.get(total, ()), tuple(scales), named=tuple(named), spread=most // max(1, begin))


def _mean_count(tape: Tape, step: Step, number: int) -> int:
    if step.name in CROSS_ENTROPIES:
        mean = _BY_MEAN in [a for a in step.args[2:] if isinstance(a, int)]
        return tape.values[step.inputs[1]].tensor.numel() if mean else 1
    if step.name not in _MEANS:
        return 1
    before = max(tape.values[n].tensor.numel() for n in step.inputs) if step.name != "mean" else 0
    if step.name == "mean":
        before = tape.values[number].tensor.numel()
    elif _BY_MEAN not in [a for a in step.args[2:] if isinstance(a, int)] and len(step.args) > 2:
        return 1
    after = tape.values[step.outputs[0]].tensor.numel()
    return before // max(1, after)


def _scale(tape: Tape, step: Step) -> list[Number]:
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
            divides = step.name.startswith("div")
            # A factor of exactly 1 does nothing but bear a name.
            return [Number(1.0 / value if divides else value, f"{value:.4g}", value == 1.0, divides)]
    return []


def batch_divisions(weights: Sequence[float], batches: Sequence[int]) -> int | None:
    """By which power of the batch size an element's weight is divided, from that at two batch sizes."""
    if len(weights) < 2 or batches[0] == batches[1] or not all(weights):
        return None
    ratio = abs(weights[0] / weights[1])
    power = round(math.log(ratio) / math.log(batches[1] / batches[0]))
    return power if math.isclose(ratio, (batches[1] / batches[0]) ** power, rel_tol=_CLOSE) else None


def explained(
    weight: float, batch: int, event: int, way: Way, divisions: int | None, kept: bool
) -> tuple[Reduced, Factor]:
    """The reductions, and the factor that is left of `weight` beside the closed form.

    `weight` is that of one element of the summed term, `event` the number of elements of one sample, `divisions` the
    power of the batch size that divides it, and `kept` says that the batch axis is left in the loss.
    """
    means = math.prod(way.means)
    if kept and batch > 1 and means % batch == 0:
        # The mean over the batch was added to each sample's loss, and those were summed.
        return explained(weight / batch, batch, event, way, 1, kept=False)
    averaged = not kept and divisions is not None and _is_averaged(means, batch, event, divisions)
    inside = means // batch if averaged else means
    per_sample = weight * batch ** (divisions or 0)
    if inside == 1:
        reduction = Reduction.SUM
    elif inside == event:
        reduction = Reduction.MEAN
    else:
        reduction = Reduction.MIXED
    factor = abs(per_sample) * inside
    over_batch = Reduction.MEAN if averaged else Reduction.KEPT if kept else Reduction.SUM
    batch_kind = None if divisions is None and not kept else over_batch
    # A division by the number of elements is a mean that the author wrote out, where no setting is that number: a
    # weight of 0.1 over five latents is no half of a mean.
    written_out = any(math.isclose(factor * event, known, rel_tol=_CLOSE) for known in _WRITTEN_OUT)
    weighed = any(math.isclose(factor, abs(setting.value), rel_tol=_CLOSE) for setting in way.settings if setting.value)
    if reduction is Reduction.SUM and event > 4 and written_out and not weighed:
        reduction, factor = Reduction.MEAN, factor * event
        counted = (Size(1, divides=True),)
        return _reduced(batch_kind, divisions, reduction, counted), Factor(_rounded(factor), explicit=True)
    chosen = way.weights
    named = _named(factor, way.named)
    if not chosen and named != 1.0:
        # The number bears a name: a weight of 2 is no lost half, but it may stand beside one.
        chosen = (Number(named, f"{named:g}", named=True),)
    reduced = _reduced(batch_kind, divisions, reduction, chosen)
    left = factor / named if named != 1.0 else _left(factor, way)
    if reduced.explicit and not math.isclose(left, 1.0, rel_tol=_CLOSE):
        return reduced, Factor(_rounded(left), explicit=False)
    return reduced, Factor(_rounded(factor), reduced.explicit)


def _named(factor: float, values: Collection[float]) -> float:
    """The number with a name that a factor is, alone or with a lost or a doubled half; 1 where none is."""
    if math.isclose(factor, 1.0, rel_tol=_CLOSE):
        return 1.0
    sizes = [abs(value) for value in values if not math.isclose(abs(value), 1.0, rel_tol=_CLOSE)]
    for beside in (1.0, 2.0, 0.5):
        found = next((size for size in sizes if math.isclose(factor, beside * size, rel_tol=_CLOSE)), None)
        if found is not None:
            return found
    return 1.0


def _is_averaged(means: int, batch: int, event: int, divisions: int) -> bool:
    """Whether a mean on the tape runs over the batch."""
    if divisions > 0:
        return means % batch == 0
    # Divided and multiplied again: a mean over the batch differs from one over a sample by its size.
    return batch > 1 and means in (batch, batch * event) and means != event


def _reduced(batch: Reduction | None, divisions: int | None, event: Reduction, weights: Sequence[Scaling]) -> Reduced:
    """The fact, with the divisions by the batch size that the reduction of the batch does not make."""
    over = (divisions or 0) - (batch is Reduction.MEAN)
    return scaled(batch, event, [*[Size(0, divides=over > 0)] * abs(over), *weights])


def _left(factor: float, way: Way) -> float:
    """What the weights that somebody chose leave of a factor: 1 where they explain all of it.

    A number on the tape may be a setting times a constant of the formula, `-0.5 * beta`: then the setting alone counts.
    """
    if any(isinstance(weight, Weight) for weight in way.weights):
        return 1.0
    numbers = [scale.value for scale in way.weights if isinstance(scale, Number)]
    settings = [setting.value for setting in way.settings if setting.value]
    lefts = [factor / abs(math.prod(chosen)) for chosen in (numbers, settings) if chosen]
    return next((left for left in lefts if math.isclose(left, 1.0, rel_tol=_CLOSE)), lefts[0] if lefts else factor)


def _rounded(value: float) -> float:
    nearest = float(f"{value:.3g}")
    return nearest if math.isclose(value, nearest, rel_tol=_CLOSE) else value
