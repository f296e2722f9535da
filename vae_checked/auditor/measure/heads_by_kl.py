"""The heads of a model that draws nothing in training, known by the KL that its loss has of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import torch
from torch import Tensor

from vae_checked.auditor.measure.kl_fit import Drawn, fit
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recording.origins import names_in
from vae_checked.auditor.recording.replay import ReplayError, replay
from vae_checked.facts import Parametrisation

_LAYERS = names_in("addmm mm bmm convolution split chunk slice unbind select")
_POSITIVE_MADE = names_in("softplus exp elu sigmoid relu square pow abs")
_ADDED = names_in("add clamp clamp_min")
_POSITIVE = (Parametrisation.STD, Parametrisation.VAR)
_MOST = 8
_FAR = 5.0
_FEW = 256
_ROUGHLY = 0.05


def heads_by_kl(seen: Recognition) -> tuple[int, int] | None:
    """(mu, second) of which the loss has the KL of some parametrisation; None where it has none, or nothing is lost."""
    if seen.total is None or seen.loss.kl_alone:
        return None
    candidates = _candidates(seen, seen.total)
    for mu, second in permutations(candidates, 2):
        if _are_heads_of_a_kl(seen, seen.total, mu, second):
            return mu, second
    # A std that is made positive is the head that the KL reads, whether it is returned or not.
    for second in _made_positive(seen, seen.total, candidates):
        for mu in candidates:
            if _are_heads_of_a_kl(seen, seen.total, mu, second):
                return mu, second
    return None


def _are_heads_of_a_kl(seen: Recognition, total: int, mu: int, second: int) -> bool:
    """Whether the loss has by two values the gradient of a KL, of which they are mean and head for std."""
    values = seen.run.tape.values
    if values[mu].tensor.shape != values[second].tensor.shape:
        return False
    for positive in (False, True):
        first, reach = _gradients(seen, total, mu, second, 1, positive=positive), 1.0
        if first is not None and first.flat:
            # Free bits, or a capacity, let through a large KL alone.
            first, reach = _gradients(seen, total, mu, second, 1, _FAR, positive=positive), _FAR
        if first is None or not (first.by_mu.any() and first.by_second.any()):
            continue
        if not _pulls_to_zero(first):
            return False
        if fit([_few_of(first)], positive, _ROUGHLY) is None:
            continue
        again = _gradients(seen, total, mu, second, 2, reach, positive=positive)
        fitted = None if again is None else fit([first, again], positive)
        if fitted is not None and (fitted[0] in _POSITIVE) is positive:
            return True
    return False


def _pulls_to_zero(drawn: Drawn) -> bool:
    """Whether the gradient moves all means towards 0, or all away: that of a KL does, whatever the head for std is."""
    signs = (drawn.by_mu * drawn.mu).sign()
    signs = signs[signs != 0]  # a small weight in half precision leaves some of them 0
    return bool((signs == signs[:1]).all())


def _few_of(drawn: Drawn) -> Drawn:
    """Some of the elements: what is no KL at all is no KL of these, and a layer may have millions."""
    parts = (drawn.mu, drawn.second, drawn.by_mu, drawn.by_second)
    return Drawn(*(each.flatten()[:_FEW] for each in parts))


def _candidates(seen: Recognition, total: int) -> list[int]:
    """What the model returns and what its layers make, alike in shape by twos, the smallest first."""
    tape, graph = seen.run.tape, seen.graph
    held = () if seen.join is None else seen.join.predictions
    leads_on = graph.ancestors(total, without=held)
    returned = [number for part in seen.run.parts if (number := seen.run.number(part)) is not None]
    made = [number for step in tape.steps if step.name in _LAYERS for number in step.outputs]
    found = [
        n
        for n in dict.fromkeys((*returned, *made))
        if n in leads_on and graph.depends_on_input(n) and graph.depends_on_parameters(n) and n != seen.x_hat
    ]
    shapes = [tape.values[n].tensor.shape for n in found]
    paired = [n for n, shape in zip(found, shapes, strict=True) if len(shape) > 1 and shapes.count(shape) > 1]
    return sorted(paired, key=lambda n: (tape.values[n].tensor.numel(), -n))[:_MOST]


def _made_positive(seen: Recognition, total: int, made: list[int]) -> list[int]:
    """What the loss has of each of these values once a function, and what is added to it, has made that positive."""
    tape, graph = seen.run.tape, seen.graph
    held = () if seen.join is None else seen.join.predictions
    leads_on = graph.ancestors(total, without=held)
    found: dict[int, int] = {}
    for step in tape.steps:
        if step.name in _POSITIVE_MADE or (step.name in _ADDED and any(n in found for n in step.inputs)):
            sources = {found.get(n, n) for n in step.inputs}
            if len(sources) == 1 and (source := sources.pop()) in made and step.outputs[0] in leads_on:
                found[step.outputs[0]] = source
    return list(found)[:_MOST]


def _gradients(
    seen: Recognition, total: int, mu: int, second: int, seed: int, reach: float = 1.0, *, positive: bool
) -> Drawn | None:
    """The loss's gradient by both at drawn values, the reconstruction held still; None where it cannot be run so.

    The means are drawn `reach` times as far from 0.
    """
    tape = seen.run.tape
    generator = torch.Generator().manual_seed(seed)
    drawn = list(_drawn(seen, (mu, second), generator, positive=positive))
    leaves = [tensor.requires_grad_() for tensor in (reach * drawn[0], drawn[1])]
    held = {} if seen.join is None else {n: tape.values[n].data for n in seen.join.predictions}
    try:
        end = replay(tape, {**held, mu: leaves[0], second: leaves[1]}, (total,), grad=True)[total]
        by_mu, by_second = torch.autograd.grad(end.sum(), leaves, allow_unused=True)
    except (ReplayError, RuntimeError, ValueError):
        return None
    if by_mu is None or by_second is None or not (by_mu.isfinite().all() and by_second.isfinite().all()):
        return None
    return Drawn(leaves[0].detach(), leaves[1].detach(), by_mu, by_second)


def _drawn(
    seen: Recognition, numbers: tuple[int, int], generator: torch.Generator, *, positive: bool
) -> Iterator[Tensor]:
    for number, low in zip(numbers, (-2.0, 0.3 if positive else -2.0), strict=True):
        recorded = seen.run.tape.values[number].data
        drawn = torch.rand(recorded.shape, generator=generator, dtype=torch.float64)
        yield (low + (2.0 - low) * drawn).to(recorded)
