"""The quantiser of a VQ-VAE: the codes that are the nearest rows of a codebook, and what the loss trains of the two."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_checked.auditor.measure.weights import way_to
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recording.origins import named, names_in, place_of
from vae_checked.auditor.recording.replay import ReplayError, replay
from vae_checked.auditor.recording.statements import words_of_line
from vae_checked.auditor.recording.tape import Step, Tape
from vae_checked.facts import Commitment, Fact, Origin
from vae_checked.mathematics.reductions import Number

_LOOKUPS = names_in("embedding index index_select")
_NEAREST = names_in("argmin argmax min max topk")
_CLOSE = 1e-3
# A weight with such words in its name is meant for the codes.
_OF_CODES = ("code", "embed", "quant", "vq")
_OF_A_WEIGHT = ("weight", "coef", "lambda", "cost", "scale", "factor")


@dataclass(frozen=True, slots=True)
class Quantiser:
    """The codes by their number, and the codebook by its name.

    `commitment` is what draws the encoder to the codes, and these to it; None where the loss does not do both by
    squared errors alone. `step` is where its weight stands, where that is on the term of the codes.
    """

    code: int
    codebook: str
    commitment: Commitment | None
    step: Step | None = None

    def line(self, tape: Tape) -> str:
        """What is said of it."""
        shape = "x".join(map(str, tape.values[self.code].tensor.shape))
        found = f"codes ({shape}) are the nearest rows of {self.codebook}"
        if self.commitment is None:
            return found
        ratio = f"{self.commitment.ratio:.4g}"
        return (
            f"{found}; the loss draws the encoder to them with {ratio} times the weight with which it draws them to "
            "the encoder"
        )


def quantiser_of(seen: Recognition) -> Quantiser | None:
    """The quantiser of a run, None where nothing is looked up at the nearest of several rows."""
    tape, graph = seen.run.tape, seen.graph
    for step in tape.steps:
        if step.name not in _LOOKUPS or len(step.inputs) < 2:
            continue
        rows, places = step.inputs[0], step.inputs[1]
        of_model = graph.depends_on_parameters(rows) and not graph.depends_on_input(rows)
        if not of_model or tape.values[places].tensor.is_floating_point() or not graph.depends_on_input(places):
            continue
        nearest = next((s for s in reversed(tape.steps) if s.name in _NEAREST and _leads(seen, s, places)), None)
        if nearest is not None:
            code = step.outputs[0]
            return Quantiser(code, named(tape, rows), *_commitment(seen, code, nearest))
    return None


def commitment_of(seen: Recognition) -> Fact[Commitment | None] | None:
    """What draws a quantiser's encoding and its codes together; None without a loss."""
    if seen.total is None:
        return None
    found = quantiser_of(seen)
    if found is None or found.commitment is None:
        return Fact(None, Origin(seen.loss.name))
    return Fact(found.commitment, Origin(seen.loss.name, None if found.step is None else place_of(found.step)))


def _leads(seen: Recognition, step: Step, places: int) -> bool:
    past = seen.graph.ancestors(places)
    return any(number in past for number in step.outputs)


def _commitment(seen: Recognition, code: int, nearest: Step) -> tuple[Commitment | None, Step | None]:
    """The ratio of the gradients at the encoding and at the codes, where they are those of one squared error."""
    if seen.total is None:
        return None, None
    tape, graph = seen.run.tape, seen.graph
    size = tape.values[code].tensor.numel()
    past = graph.ancestors(nearest.inputs[0])
    held = {} if seen.join is None else {n: tape.values[n].data for n in seen.join.predictions}
    by_code = _slope(seen, code, held)
    if by_code is None or not by_code.any():
        return None, None
    for number in sorted(past):
        value = tape.values[number]
        if (
            value.tensor.numel() != size
            or not graph.depends_on_input(number)
            or not graph.depends_on_parameters(number)
        ):
            continue
        still = {**held, code: tape.values[code].data}
        by_encoding = _slope(seen, number, still)
        if by_encoding is None or not by_encoding.any():
            continue
        # In whatever layout each is, the two hold the same differences.
        one, other = (each.abs().flatten().sort().values for each in (by_encoding, by_code))
        ratio = float(one @ other / (other @ other))
        if float((one - ratio * other).abs().max()) <= _CLOSE * float(one.max()):
            step = _weight_on_codes(seen, code, number, ratio)
            return Commitment(ratio, None if step is None else 1.0 / ratio), step
    return None, None


def _weight_on_codes(seen: Recognition, code: int, encoding: int, ratio: float) -> Step | None:
    """The step whose number weighs the term of the codes, where none weighs that of the encoding and it is the ratio.

    None as well where its name says that it is meant for the codes.
    """
    if seen.total is None or ratio <= 1.0:
        return None
    tape, graph = seen.run.tape, seen.graph
    still = {n for step in tape.steps if step.name == "detach" for n in step.outputs}
    held = set() if seen.join is None else set(seen.join.predictions)
    at_codes, at_encoding = (
        way_to(tape, graph, (begin,), seen.total, {*still, *held, other})
        for begin, other in ((code, encoding), (encoding, code))
    )
    weights = [each.value for each in at_codes.scales if isinstance(each, Number)]
    if any(isinstance(each, Number) for each in at_encoding.scales) or len(weights) != 1:
        return None
    if not math.isclose(weights[0], 1.0 / ratio, rel_tol=_CLOSE):
        return None
    on = graph.between((code,), seen.total, {*still, *held, encoding})
    scaling = (step for step in tape.steps if step.name.rstrip("_") in ("mul", "div"))
    step = next((step for step in scaling if any(n in on for n in step.outputs)), None)
    return None if step is None or _is_meant_for_codes(step) else step


def _is_meant_for_codes(step: Step) -> bool:
    """Whether the line has a name of a weight of the codes: `codebook_weight`, `self.quant_coef`."""
    return any(
        any(word in name for word in _OF_CODES) and any(word in name for word in _OF_A_WEIGHT)
        for name in words_of_line(step)
    )


def _slope(seen: Recognition, number: int, held: dict[int, Tensor]) -> Tensor | None:
    """The loss's gradient at a value as it was recorded, other values held; None where it has none."""
    leaf = seen.run.tape.values[number].data.clone().requires_grad_()
    total = seen.total
    if total is None:
        return None
    try:
        end = replay(seen.run.tape, {**held, number: leaf}, (total,), grad=True)[total]
        (found,) = torch.autograd.grad(end.sum(), leaf)
    except (ReplayError, RuntimeError, ValueError):
        return None
    return found.double()
