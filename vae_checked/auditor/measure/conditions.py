"""Which classes and other conditions the encoder takes, and the decoder does not."""

from __future__ import annotations

import torch

from vae_checked.auditor.measure.output import output_number
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recording.origins import origin_of
from vae_checked.auditor.recording.replay import replay
from vae_checked.facts import Fact
from vae_checked.mathematics.names import is_condition

_LABELS = ("y", "ys")


def ignored_conditions(seen: Recognition) -> Fact[tuple[str, ...]] | None:
    """The conditions that reach mu or the second head, and neither the reconstruction nor the loss beside z.

    None where it reaches neither, and without a loss, which may hold a prior that depends on it. What is no class by
    its name, such as a mask or the edges of a graph, is no condition.
    """
    conditions = _conditions(seen)
    if not conditions:
        return Fact((), origin_of(seen.run.tape, seen.run.x_number))
    x_hat, total = output_number(seen), seen.total
    heads = {head for latent in seen.latents for head in latent.heads}
    if x_hat is None or total is None or not heads:
        return None
    held = {*heads, *(z for latent in seen.latents for z in latent.every_z)}
    ignored, used = [], []
    graph = seen.graph
    for name, number in conditions:
        beside = graph.descendants((number,), without=held)
        if beside & {x_hat, total} and _moves(seen, number, held, (x_hat, total)):
            used.append(name)
        elif heads & graph.descendants((number,)) and _moves(seen, number, set(), tuple(heads)):
            ignored.append(name)
    if not ignored and not used:
        return None
    return Fact(tuple(ignored), origin_of(seen.run.tape, x_hat))


def _moves(seen: Recognition, number: int, held: set[int], ends: tuple[int, ...]) -> bool:
    """Whether another condition for each sample moves any of these values, z and the heads held still."""
    tape = seen.run.tape
    recorded = tape.values[number].data
    still = {n: tape.values[n].data for n in held}
    others = [
        each for each in (recorded.roll(1, 0), recorded[:1].expand_as(recorded).clone()) if not each.equal(recorded)
    ]
    if not others:
        return True
    for other in others:
        try:
            found = replay(tape, {**still, number: other}, ends)
        except (RuntimeError, ValueError):
            return True
        if any(not torch.equal(found[end], tape.values[end].data) for end in ends):
            return True
    return False


def _conditions(seen: Recognition) -> list[tuple[str, int]]:
    """The inputs beside the data that are called like a condition, by the names that forward has for them."""
    run = seen.run
    found = []
    for place, (name, tensor) in enumerate(run.inputs.tensors()):
        number = run.recorder.input_numbers[name]
        own = run.takes[place] if place < min(len(run.takes), len(run.inputs.args)) else name
        whole = tensor.shape[:1] == run.x.shape[:1]
        if number != run.x_number and whole and (is_condition(own) or own in _LABELS):
            found.append((own, number))
    return found
