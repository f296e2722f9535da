"""The quantiser of a VQ-VAE: the codes that are the nearest rows of a codebook, and what the loss trains of the two."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recording.origins import named, names_in
from vae_checked.auditor.recording.replay import ReplayError, replay
from vae_checked.auditor.recording.tape import Step, Tape

_LOOKUPS = names_in("embedding index index_select")
_NEAREST = names_in("argmin argmax min max topk")
_CLOSE = 1e-3


@dataclass(frozen=True, slots=True)
class Quantiser:
    """The codes by their number, and the codebook by its name.

    `commitment` is the weight with which the loss draws the encoder to the codes, in parts of that with which it draws
    the codes to the encoder; None where it does not do both by squared errors alone.
    """

    code: int
    codebook: str
    commitment: float | None

    def line(self, tape: Tape) -> str:
        """What is said of it."""
        shape = "x".join(map(str, tape.values[self.code].tensor.shape))
        found = f"codes ({shape}) are the nearest rows of {self.codebook}"
        if self.commitment is None:
            return found
        return (
            f"{found}; the loss draws the encoder to them with {self.commitment:.4g} times the weight with which it "
            "draws them to the encoder"
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
            return Quantiser(code, named(tape, rows), _commitment(seen, code, nearest))
    return None


def _leads(seen: Recognition, step: Step, places: int) -> bool:
    past = seen.graph.ancestors(places)
    return any(number in past for number in step.outputs)


def _commitment(seen: Recognition, code: int, nearest: Step) -> float | None:
    """The ratio of the gradients at the encoding and at the codes, where they are those of one squared error."""
    if seen.total is None:
        return None
    tape, graph = seen.run.tape, seen.graph
    size = tape.values[code].tensor.numel()
    past = graph.ancestors(nearest.inputs[0])
    held = {} if seen.join is None else {n: tape.values[n].data for n in seen.join.predictions}
    by_code = _slope(seen, code, held)
    if by_code is None or not by_code.any():
        return None
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
            return ratio
    return None


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
