"""Finds where the reconstruction meets its target on the way to the loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vae_checked.auditor.recognition.classes import is_of_classes, labels_of, logits_of
from vae_checked.auditor.recognition.graph import Graph, is_elementwise
from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recording.origins import names_in
from vae_checked.auditor.recording.run import Run
from vae_checked.auditor.recording.tape import Step, Tape

_LOSSES = names_in(
    "mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits "
    "kl_div soft_margin_loss"
)
_COMPARISONS = names_in("sub sub_ rsub")


@dataclass(frozen=True, slots=True)
class Join:
    """The step at which a prediction first meets its target.

    `prediction` is the value that the loss judges, `target` what it is judged by; `pre_activation` is the decoder's
    last value before its closing elementwise functions, `argument` the prediction as the step receives it.
    `candidates` are the values that could be called the prediction, the latest first: each follows elementwise from
    the one behind it, and all of the prediction's way to the loss goes through each. `others` are the predictions of
    further samples that meet the same target.
    """

    step: Step
    prediction: int
    argument: int
    pre_activation: int | None
    target: int
    candidates: tuple[int, ...]
    others: tuple[int, ...] = ()

    @property
    def of_classes(self) -> bool:
        """Whether the prediction are numbers for each class, and the target the class of each."""
        return is_of_classes(self.step)

    @property
    def predictions(self) -> tuple[int, ...]:
        """The prediction and those of further samples."""
        return (self.prediction, *self.others)


def find_join(run: Run, graph: Graph, latents: Sequence[Latent], x_hat: int | None, total: int) -> Join | None:
    """The reconstruction's join, or None when no prediction meets the data elementwise on its way to `total`."""
    tape = run.tape
    begins = [z for latent in latents for z in latent.every_z] or ([] if x_hat is None else [x_hat])
    from_latents = graph.descendants(begins) - set(begins)
    compares = None
    if not begins:
        # A loss that runs a model which draws nothing: what its layers make, where that is compared with the data.
        from_latents = {v.number for v in tape.values if graph.depends_on_input(v.number)}
        compares = _COMPARISONS
    leads_on = graph.ancestors(total)
    inner = graph.ancestors(x_hat) if x_hat is not None else set()
    ends: list[tuple[Step, int, int]] = []
    for step in tape.steps:
        if not any(n in leads_on for n in step.outputs) or any(n in inner for n in step.outputs):
            continue
        labels = labels_of(tape, graph, step, run.x_number)
        if labels is not None and step.inputs[0] in from_latents and graph.depends_on_parameters(step.inputs[0]):
            ends.append((step, logits_of(tape, graph, step.inputs[0], from_latents), labels))
            continue
        if not (is_elementwise(step) if compares is None else step.name in compares) and step.name not in _LOSSES:
            continue
        predictions = [n for n in step.inputs if (n in from_latents or n == x_hat) and graph.depends_on_parameters(n)]
        targets = [n for n in step.inputs if _is_data(tape, graph, n)]
        if predictions and targets:
            ends.append((step, predictions[0], targets[0]))
    if not ends:
        return None
    step, argument, target = ends[0]
    _, begins_at = graph.elementwise_past(argument, graph.follows(argument))
    same = [p for _, p, _ in ends if graph.elementwise_past(p, graph.follows(p))[1] == begins_at]
    candidates = graph.waists(argument, [total, *same], graph.follows(argument))
    root = next(iter(begins_at)) if len(begins_at) == 1 else None
    whole = target if is_of_classes(step) else _whole_target(tape, graph, target, total, latents)
    return Join(step, candidates[0], argument, root, whole, candidates, _other_samples(tape, graph, ends, same))


def _other_samples(
    tape: Tape, graph: Graph, ends: Sequence[tuple[Step, int, int]], same: Sequence[int]
) -> tuple[int, ...]:
    """Where the predictions of further samples of z begin: as large as the first, and made apart from it."""
    size = tape.values[same[0]].tensor.numel()
    found: dict[int, None] = {}
    for _, argument, _ in ends:
        if argument in same or tape.values[argument].tensor.numel() != size:
            continue
        _, begins_at = graph.elementwise_past(argument, graph.follows(argument))
        found.update(dict.fromkeys(begins_at))
    return tuple(found)


def _is_data(tape: Tape, graph: Graph, number: int) -> bool:
    value = tape.values[number]
    return (
        graph.depends_on_input(number)
        and not graph.depends_on_parameters(number)
        and not tape.drawn(number)
        and value.tensor.is_floating_point()
        and value.tensor.numel() > 1
    )


def _whole_target(tape: Tape, graph: Graph, number: int, total: int, latents: Sequence[Latent]) -> int:
    """The latest elementwise function of the data through which all of the data's direct way to the loss goes.

    What the model makes of the data, of which the prediction is, is no direct way.
    """
    cut = [n for latent in latents for n in (*latent.heads, latent.std, *latent.every_z) if n is not None]
    if not latents:
        cut = [value.number for value in tape.values if graph.depends_on_parameters(value.number)]
    past, begins = graph.elementwise_past(number)
    if len(begins) != 1:
        return _before_copies(tape, graph, number)
    (root,) = begins
    for candidate in sorted(past, reverse=True):
        if total not in graph.descendants((root,), without=(candidate, *cut)):
            return _before_copies(tape, graph, candidate)
    return _before_copies(tape, graph, number)


def _before_copies(tape: Tape, graph: Graph, number: int) -> int:
    """The value of which a target is a repetition, one for each of several samples of z; itself where it is none."""
    size = tape.values[number].tensor.numel()
    smaller = [n for n in graph.moved_from(number) if tape.values[n].tensor.numel() < size]
    return smaller[0] if smaller else number
