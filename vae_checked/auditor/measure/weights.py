"""From the weight that a term's elements have in the loss to its reductions and its factor.

The auditor reads no chain axis by axis: it measures the weight of an element, which no way of writing hides. A weight
alone does not tell a mean from a factor; the sizes of two batches, and the means and the numbers on the tape, do. What
the numbers mean, and what counts as a weight that somebody chose, is `mathematics.reductions`' to say.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vae_checked.auditor.losses.settings import Setting
from vae_checked.auditor.recognition.classes import CROSS_ENTROPIES
from vae_checked.auditor.recognition.graph import Graph
from vae_checked.auditor.recording.literals import names_value
from vae_checked.auditor.recording.origins import names_in
from vae_checked.auditor.recording.replay import replay
from vae_checked.auditor.recording.tape import Step, Tape
from vae_checked.facts import Factor, Reduced, Reduction
from vae_checked.mathematics.reductions import (
    Number,
    Scaling,
    Size,
    Weight,
    is_shared,
    is_weight,
    scaled,
    weighs_formula,
)

_MEANS = names_in(
    "mean mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits kl_div"
)
_JOINING = names_in("stack cat")
_BY_MEAN = 1
_WRITTEN_OUT = (0.5, 1.0, 2.0)
_CLOSE = 1e-2


@dataclass(frozen=True, slots=True)
class Formula:
    """Where a term is written: the value by which its formula is whole, and the last one that its statement makes.

    `places` are those of the two among the values that all of the way leads through.
    """

    places: tuple[int, int]
    whole: int
    end: int


@dataclass(frozen=True, slots=True)
class Way:
    """What lies on the way of a term to the loss: how many elements each mean takes, and the constants beside it.

    `scales` are those behind the statement that writes the term, `inner` those of its formula, `stated` those that the
    statement has behind that, `shared` those that scale the other term of the loss as well. `settings` are the loss's
    own numbers that were seen to scale the term, `named` what names stand for that the source writes where it scales
    the term. `spread` is how often the term's elements stand where they are most, as once for each of several samples.
    """

    means: tuple[int, ...]
    scales: tuple[Scaling, ...]
    settings: tuple[Setting, ...] = ()
    named: tuple[float, ...] = ()
    spread: int = 1
    inner: tuple[Scaling, ...] = ()
    stated: tuple[Scaling, ...] = ()
    shared: tuple[Scaling, ...] = ()

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
        beside = Way((), ()) if other is None else other

        def sized(scales: Sequence[Scaling], again: Sequence[Scaling]) -> tuple[Scaling, ...]:
            found: list[Scaling] = []
            known = again if len(again) == len(scales) else [None] * len(scales)
            for scale, second in zip(scales, known, strict=True):
                found += _by_batch(scale, batch, second, other_batch)
            return tuple(found)

        return replace(
            self,
            scales=sized(self.scales, beside.scales),
            inner=sized(self.inner, beside.inner),
            stated=sized(self.stated, beside.stated),
            shared=sized(self.shared, beside.shared),
        )

    @property
    def own_weights(self) -> tuple[Scaling, ...]:
        """What the author weighs the term by: numbers that are part of no formula, and settings of the loss."""
        chosen = [*filter(weighs_formula, (*self.inner, *self.stated)), *filter(is_weight, self.scales)]
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

    @property
    def weights(self) -> tuple[Scaling, ...]:
        """What weighs the term, and of what scales the whole loss that which says how its terms are balanced."""
        return (*self.own_weights, *(step for step in self.shared if is_shared(step) and is_weight(step)))


def product(scales: Iterable[Scaling]) -> float:
    """The numbers among some scalings as one, without their sign."""
    return abs(math.prod(scale.value for scale in scales if isinstance(scale, Number)))


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
    formula: Formula | None = None,
    others: Collection[int] = (),
) -> Way:
    """The way from the values `begins` to `total`, the values `cut` closed.

    `formula` is where the term is written, `others` are the values on the way of the other term.
    """
    on = graph.between(begins, total, cut)
    means: dict[int, tuple[int, ...]] = {}
    inner: list[Scaling] = []
    stated: list[Scaling] = []
    outer: list[Scaling] = []
    shared: list[Scaling] = []
    named: list[float] = []
    begin = max((tape.values[n].tensor.numel() for n in begins), default=0)
    most = begin
    beside: dict[int, Tensor] = {}
    for step in tape.steps:
        if not any(n in on for n in step.outputs):
            continue
        most = max(most, *(tape.values[n].tensor.numel() for n in step.outputs if n in on))
        inputs = [n for n in step.inputs if n in on]
        if not inputs:
            continue
        taken = _mean_count(tape, step, inputs[0])
        found = scale_of(tape, step)
        if step.name in _JOINING and len({*inputs}) < len(step.inputs):
            # Where one is put into another, the inner one says which elements are the term's.
            if graph.ancestors(step.outputs[0]).isdisjoint(beside):
                beside[step.outputs[0]] = _moved(tape, step, on)
        elif taken > 1 and beside:
            # What is put beside other terms is a part of their mean, which is no mean of its own elements.
            part = _part_of_mean(tape, beside, inputs[0], step.outputs[0])
            if not _is(part, 1.0):
                taken, found = round(taken * part), [Number(part, f"{part:.4g}")]
        # Of branches that meet, the one with the most means is the way: a sum of two means is one mean.
        before = max((means.get(n, ()) for n in inputs), key=math.prod)
        means.update(dict.fromkeys(step.outputs, (*before, taken) if taken > 1 else before))
        if any(n in others for n in inputs):
            shared += found
            continue
        made = min(step.outputs)
        (outer if formula is None or made > formula.end else inner if made <= formula.whole else stated).extend(found)
        named += [value for scale in found for value in names_value(step, scale.value)]
    spread = most // max(1, begin)
    return Way(
        means.get(total, ()),
        tuple(outer),
        named=tuple(named),
        spread=spread,
        inner=tuple(inner),
        stated=tuple(stated),
        shared=tuple(shared),
    )


def _moved(tape: Tape, step: Step, on: Collection[int]) -> Tensor:
    """What a step puts together, changed where it is of the term, each of whose values counts once."""
    made = tape.values[step.outputs[0]].data
    firsts = [n in on and n not in step.inputs[:at] for at, n in enumerate(step.inputs)]
    marks = [torch.full_like(tape.values[n].data, float(own)) for n, own in zip(step.inputs, firsts, strict=True)]
    mark: Tensor = step.op(marks, *step.args[1:], **step.kwargs)
    return made + mark * (1.0 + made.abs().max())


def _part_of_mean(tape: Tape, moved: Mapping[int, Tensor], taken: int, made: int) -> float:
    """The term's part of the elements that a mean takes, over its part of those that the mean makes.

    A value that does not lie behind those that were changed has no other term in it.
    """
    again = replay(tape, moved, (taken, made))
    before, after = (float((again[n] != tape.values[n].data).double().mean()) or 1.0 for n in (taken, made))
    return before / after


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


def scale_of(tape: Tape, step: Step) -> list[Number]:
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


@dataclass(frozen=True, slots=True)
class Own:
    """What is known of a KL beside its weight in the loss.

    `written` is what the statement with its formula makes of it, in units of the closed form, None where that was not
    seen; `times` is how often the loss adds that up, None where nobody can tell. `error` is what the error beside it is
    times its own closed form.
    """

    written: float | None = None
    times: int | None = 1
    error: float = 1.0


def explained(
    weight: float, batch: int, event: int, way: Way, divisions: int | None, kept: bool, known: Own | None = None
) -> tuple[Reduced, Factor | None]:
    """The reductions, and the factor that is left of `weight` beside the closed form; None where nobody can tell it.

    `weight` is that of one element of the summed term, `event` the number of elements of one sample, `divisions` the
    power of the batch size that divides it, and `kept` says that the batch axis is left in the loss.
    """
    means = math.prod(way.means)
    if kept and batch > 1 and means % batch == 0:
        # The mean over the batch was added to each sample's loss, and those were summed.
        return explained(weight / batch, batch, event, way, 1, kept=False, known=known)
    averaged = not kept and divisions is not None and _is_averaged(means, batch, event, divisions)
    inside = means // batch if averaged else means
    per_sample = weight * batch ** (divisions or 0)
    if inside == 1:
        reduction = Reduction.SUM
    elif inside == event:
        reduction = Reduction.MEAN
    else:
        reduction = Reduction.MIXED
    factor = abs(per_sample) * inside / product(way.shared)
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
    named = _named(factor, way.named)
    # The number bears a name: a weight of 2 is no lost half, but it may stand beside one.
    beside = () if way.own_weights or named == 1.0 else (Number(named, f"{named:g}", named=True),)
    reduced = _reduced(batch_kind, divisions, reduction, (*way.weights, *beside))
    return reduced, _factor(factor, way, (*way.own_weights, *beside), known or Own())


def _factor(factor: float, way: Way, chosen: Sequence[Scaling], known: Own) -> Factor | None:
    """A factor, and whether somebody chose it: what is done to a term that is a whole KL where it is written is chosen.

    So is what the weights `chosen` make of another one, but where they are 1: then what is off was there without them.
    """
    explicit = bool(chosen)
    if not _is(factor, 1.0) and known.times != 1:
        if known.times is None or known.written is None:
            return None
        if _is(known.error, known.times):
            # The error is added as often.
            return Factor(_rounded(factor / known.times), explicit)
        once = known.written * product(way.scales)
        return Factor(_rounded(factor), explicit, times=known.times) if _is(factor, once * known.times) else None
    whole = known.written is not None and _is(known.written, 1.0)
    if not _is(factor, 1.0):
        explicit = whole or not all(isinstance(each, Number) and _is(abs(each.value), 1.0) for each in chosen)
    return Factor(_rounded(factor), explicit or not _is(known.error, 1.0))


def _is(value: float, other: float) -> bool:
    return math.isclose(value, other, rel_tol=_CLOSE)


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


def _rounded(value: float) -> float:
    nearest = float(f"{value:.3g}")
    return nearest if math.isclose(value, nearest, rel_tol=_CLOSE) else value
