"""Which classes and other conditions the encoder takes, and the decoder does not."""

from __future__ import annotations

import torch

from vae_checked.auditor.measure.output import output_number
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recording.origins import origin_of
from vae_checked.auditor.recording.replay import replay
from vae_checked.facts import Fact
from vae_checked.mathematics.names import is_condition, plain

_LABELS = ("y", "ys")
# What says which of the data count, and nothing of what they are.
_NO_CONDITIONS = frozenset(
    "mask masks padding paddingmask attentionmask attnmask srckeypaddingmask length lengths len lens seqlen seqlens "
    "edgeindex edges adj adjacency edgeattr edgeweight weight weights index indices idx".split()
)


def ignored_conditions(seen: Recognition) -> Fact[tuple[str, ...]] | None:
    """The conditions that reach mu or the head for std, and neither the reconstruction nor the loss beside z.

    None where it reaches neither, and without a loss, which may hold a prior that depends on it; where the loss alone
    changes with it, that may be such a prior, or a classifier's error beside. A mask or the edges of a graph are none;
    what no name says anything of may be one: where the heads alone change with it, that is open.
    """
    others = _others(seen)
    if not others:
        return Fact((), origin_of(seen.run.tape, seen.run.x_number))
    x_hat, total = output_number(seen), seen.total
    heads = {head for latent in seen.latents for head in latent.heads}
    if x_hat is None or total is None or not heads:
        return None
    held = {*heads, *(z for latent in seen.latents for z in latent.every_z)}
    graph = seen.graph
    ignored: list[str] = []
    used: list[str] = []
    other: list[str] = []
    for name, number in others:
        beside = graph.descendants((number,), without=held)
        if x_hat in beside and _moves(seen, number, held, (x_hat,)):
            used.append(name)
        elif total in beside and _moves(seen, number, held, (total,)):
            other.append(name)
        elif heads & graph.descendants((number,)) and _moves(seen, number, set(), tuple(heads)):
            (ignored if is_condition(name) or name in _LABELS else other).append(name)
    if other and not ignored:
        return None
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


def _others(seen: Recognition) -> list[tuple[str, int]]:
    """The inputs beside the data, one of them for each sample, by the names that forward has for them."""
    run = seen.run
    found = []
    for place, (name, tensor) in enumerate(run.inputs.tensors()):
        number = run.recorder.input_numbers[name]
        own = run.takes[place] if place < min(len(run.takes), len(run.inputs.args)) else name
        whole = tensor.shape[:1] == run.x.shape[:1]
        if number != run.x_number and whole and plain(own) not in _NO_CONDITIONS:
            found.append((own, number))
    return found
