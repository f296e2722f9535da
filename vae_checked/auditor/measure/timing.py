"""What becomes of the heads in a pass that draws no noise: z is the mean, or the mean plus std."""

from __future__ import annotations

from vae_checked.adapters import Role
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recording.origins import place_of
from vae_checked.auditor.recording.tape import Tape
from vae_checked.facts import Fact, NoiseTiming, Origin

_SUMS = frozenset({"add", "add_"})


def silent_timing(train: Recognition, evaluation: Recognition | None) -> Fact[NoiseTiming] | None:
    """The timing of a model whose training pass draws nothing; None unless names declare that it has two heads."""
    if train.run.tape.draws:
        return None
    heads = _declared_heads(train)
    if heads is None:
        return None
    evaluated = None if evaluation is None else bool(evaluation.latents)
    added = _std_added(train, *heads)
    place = None if added is None else place_of(train.run.tape.steps[added])
    return Fact(NoiseTiming(False, evaluated, added is not None), Origin("forward", place))


def _declared_heads(seen: Recognition) -> tuple[int, int] | None:
    numbers = {
        role: number
        for part in seen.run.parts
        if (role := seen.roles.get(part.path)) is not None and (number := seen.run.number(part)) is not None
    }
    if Role.MU not in numbers or Role.SECOND not in numbers:
        return None
    return numbers[Role.MU], numbers[Role.SECOND]


def _std_added(seen: Recognition, mu: int, second: int) -> int | None:
    """The step that adds a function of the second head to mu on the way to the reconstruction."""
    if seen.x_hat is None:
        return None
    tape, graph = seen.run.tape, seen.graph
    leads_on = graph.ancestors(seen.x_hat)
    functions = {
        n
        for n in graph.descendants((second,))
        if n not in graph.descendants((mu,)) and second in graph.elementwise_past(n, Tape.INPUT)[0]
    }
    for step in tape.steps:
        adds = step.name in _SUMS and mu in step.inputs and any(n in functions for n in step.inputs)
        if adds and any(n in leads_on for n in step.outputs):
            return step.index
    return None
