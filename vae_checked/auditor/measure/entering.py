"""The scale of what enters the encoder, beside that of the data which the reconstruction is compared with."""

from __future__ import annotations

import math
from collections.abc import Set

import torch
from torch import Tensor

from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recording.origins import origin_of, place_of
from vae_checked.auditor.recording.replay import replay
from vae_checked.auditor.recording.tape import Step, Tape
from vae_checked.facts import Fact, Origin
from vae_checked.layout_facts import Entering
from vae_checked.mathematics.ops import aten

_NORMALISATIONS = (
    "native_batch_norm native_layer_norm native_group_norm _native_batch_norm_legit "
    "_native_batch_norm_legit_no_training _native_batch_norm_legit_functional cudnn_batch_norm miopen_batch_norm "
    "_batch_norm_with_update _fused_rms_norm"
).split()
_JOINED = frozenset(("cat", "stack"))
_ALIKE = 1e-3
# Pictures made smaller and dropped elements change the mean of a change, and no scale by this much.
_APART = 4.0


def entering_of(seen: Recognition) -> Fact[Entering] | None:
    """How the values that the first layers take follow from the data; None unless all do so on one scale.

    Each is made of x without a parameter, and is a straight line of it: both are run at zero, at x and at twice x.
    """
    tape, x = seen.run.tape, seen.run.x_number
    if not tape.values[x].tensor.is_floating_point():
        return None
    from_x = seen.graph.descendants((x,))
    ends = [mean for latent in seen.latents for mean in latent.means]
    ends = ends or ([] if seen.join is None else [*seen.join.predictions])
    before = set().union(*map(seen.graph.ancestors, ends)) if ends else set()
    taken: dict[int, Step] = {}
    for step in tape.steps:
        if not before.isdisjoint(step.outputs) and any(map(seen.graph.depends_on_parameters, step.outputs)):
            for number in step.inputs:
                if number in from_x and not seen.graph.depends_on_parameters(number):
                    taken.setdefault(number, step)
    if not taken:
        return None
    target = x if seen.join is None else seen.join.target
    parts = {part: step for number, step in taken.items() for part in _parts(tape, number, from_x)}
    slopes = _slopes(tape, x, (target, *parts))
    if slopes is None or not slopes[target]:
        return None
    # What takes the shape of the data alone, as a map of a condition does, is made of no pixel.
    parts = {part: step for part, step in parts.items() if slopes[part]}
    scales = [slopes[part] / slopes[target] for part in parts]
    if not scales or max(scales) > _APART * min(scales):
        return None
    part, step = next(iter(parts.items()))
    as_given = math.isclose(slopes[part], 1.0, rel_tol=_ALIKE)
    where = Origin("what enters the encoder", place_of(step)) if as_given else origin_of(tape, _computed(tape, part))
    return Fact(Entering(scales[0], as_given, _is_normalised(seen, taken, ends)), where)


def _parts(tape: Tape, number: int, from_x: Set[int]) -> list[int]:
    """What a value is joined from that follows from the data, as pixels beside a condition; itself where it is not."""
    index = tape.values[number].step
    step = None if index is None else tape.steps[index]
    if step is None or step.name not in _JOINED:
        return [number]
    return [part for each in step.inputs if each in from_x for part in _parts(tape, each, from_x)]


def _slopes(tape: Tape, x: int, ends: tuple[int, ...]) -> dict[int, float] | None:
    """How much each of these values changes per change of x, on average; None unless all follow straight lines."""
    data = tape.values[x].data
    runs = [replay(tape, {x: data * factor}, ends) for factor in (0.0, 1.0, 2.0)]
    found = {}
    change = float(data.double().abs().mean())
    for end in ends:
        still, once, twice = (run[end].double() if end != x else data.double() * n for n, run in enumerate(runs))
        first, second = once - still, twice - once
        if not _is_finite(first, second) or not torch.allclose(first, second, rtol=_ALIKE, atol=_ALIKE * _size(first)):
            return None
        found[end] = _size(first) / change if change else math.nan
    return found if all(map(math.isfinite, found.values())) else None


def _is_finite(*tensors: Tensor) -> bool:
    return all(bool(torch.isfinite(each).all()) for each in tensors)


def _size(change: Tensor) -> float:
    return float(change.abs().mean())


def _computed(tape: Tape, number: int) -> int:
    """The value that the last arithmetic made on the way to one that is only moved or cast since."""
    while (index := tape.values[number].step) is not None:
        step = tape.steps[index]
        operation = aten(step.name)
        if operation is None or not operation.is_layout or len(step.inputs) != 1:
            break
        number = step.inputs[0]
    return number


def _is_normalised(seen: Recognition, taken: dict[int, Step], ends: list[int]) -> bool:
    """Whether every way from what enters to the means leads through a layer that takes the scale out."""
    tape = seen.run.tape
    normed = {n for step in tape.steps if step.name in _NORMALISATIONS for n in step.outputs}
    past = seen.graph.descendants(taken, without=normed)
    return past.isdisjoint(ends)
