"""When z is random, and what becomes of the heads in a pass that draws no noise: z is the mean, or mean plus std."""

from __future__ import annotations

from vae_checked.adapters import Role
from vae_checked.auditor.measure.heads_by_kl import heads_by_kl
from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recognition.samples import tolerance
from vae_checked.auditor.recording.origins import module_of, origin_of, place_of
from vae_checked.auditor.recording.replay import replay
from vae_checked.auditor.recording.tape import Tape
from vae_checked.facts import Fact, Noise, NoiseLaw, NoiseTiming, Origin
from vae_checked.record import replace

_SUMS = frozenset({"add", "add_"})
_LEAST_MULTIPLE = 0.01  # of std, to be distinguished from none


def silent_timing(train: Recognition, evaluation: Recognition | None) -> Fact[NoiseTiming] | None:
    """The timing of a model whose training pass uses no draw; None unless names, or its KL, tell that it has heads."""
    if not train.is_silent:
        return None
    heads = _declared_heads(train) or heads_by_kl(train)
    if heads is None:
        return None
    evaluated = None if evaluation is None else bool(evaluation.latents)
    added = _std_added(train, *heads)
    at = _decoding(train.run.tape, heads[0]) if added is None else added
    place = None if at is None else place_of(train.run.tape.steps[at])
    return Fact(NoiseTiming(False, evaluated, added is not None), Origin("forward", place))


def drawn_in_training(train: Recognition, latent: Latent) -> Fact[NoiseTiming]:
    """The timing of a model that is known to draw in training, and of which no more is."""
    return Fact(NoiseTiming(True), origin_of(train.run.tape, latent.z))


def timing_of(train: Recognition, evaluation: Recognition | None, latent: Latent) -> Fact[NoiseTiming]:
    """The timing of a model that draws in training; where it does not in evaluation, whether std is added there."""
    if _is_passed_over(train, latent):
        return Fact(NoiseTiming(False, False), origin_of(train.run.tape, latent.z))
    if evaluation is None or evaluation.latents:
        evaluated = None if evaluation is None else True
        return Fact(NoiseTiming(True, evaluated), origin_of(train.run.tape, latent.z))
    added = _std_added_in(train, evaluation, latent)
    if added is None:
        return Fact(NoiseTiming(True, False), origin_of(train.run.tape, latent.z))
    return Fact(NoiseTiming(True, False, without_eps=True), origin_of(evaluation.run.tape, added, "z"))


def repeated(timing: Fact[NoiseTiming], law: Fact[Noise] | None) -> Fact[NoiseTiming]:
    """The timing of noise that is drawn in training: the same at every step where its law is that of a constant."""
    if law is None or law.value.law is not NoiseLaw.CONSTANT or not timing.value.training:
        return timing
    return Fact(replace(timing.value, repeated=True), law.origin)


def leads_on(seen: Recognition, latent: Latent, *ends: int) -> bool:
    """Whether z leads to any of `ends`; by default to the reconstruction or the loss."""
    x_hat = seen.x_hat if seen.join is None else seen.join.prediction
    after = seen.graph.descendants(latent.every_z)
    return any(end in after for end in ends or (x_hat, seen.total))


def _is_passed_over(train: Recognition, latent: Latent) -> bool:
    """Whether z leads neither to the reconstruction nor to the loss, and mu does: it is drawn, and mu is decoded."""
    x_hat = train.x_hat if train.join is None else train.join.prediction
    if x_hat is None or train.total is None:
        return False
    before = train.graph.ancestors(x_hat)
    after = train.graph.descendants(latent.every_z)
    return latent.mu in before and not after & {x_hat, train.total}


def _std_added_in(train: Recognition, evaluation: Recognition, latent: Latent) -> int | None:
    """The value of a pass without noise that is mu and a multiple of std, on the way to what it returns or judges.

    It is known by its numbers: std is that of the training pass at the head for std of this one.
    """
    mu, second = (_counterpart(train, evaluation, number) for number in (latent.location, latent.second))
    if mu is None or second is None or latent.second is None or latent.std is None:
        return None
    tape, graph = evaluation.run.tape, evaluation.graph
    at = {latent.second: tape.values[second].data}
    std = replay(train.run.tape, at, (latent.std,))[latent.std].double().flatten()
    location = tape.values[mu].data.double().flatten()
    if std.numel() != location.numel():
        return None
    ends = {n for n in (evaluation.x_hat, evaluation.total) if n is not None}
    leads_on = set().union(*(graph.ancestors(end) for end in ends))
    for number in sorted(graph.descendants((second,)) & graph.descendants((mu,)) & leads_on):
        value = tape.values[number].data
        if value.numel() != location.numel() or not value.is_floating_point():
            continue
        beside = value.double().flatten() - location
        multiple = float(beside @ std / (std @ std))
        left = float((beside - multiple * std).abs().max())
        if abs(multiple) > _LEAST_MULTIPLE and left <= tolerance(value.dtype) * float(value.abs().max() + std.max()):
            return number
    return None


def _counterpart(train: Recognition, evaluation: Recognition, number: int | None) -> int | None:
    """The value of another pass that the same line and operation made, in its turn; None where there is none."""
    if number is None:
        return None
    tape, other = train.run.tape, evaluation.run.tape
    key = _made_by(tape, number)
    if key is None:
        return None
    module = module_of(tape, number)
    alike, found = (
        [
            value.number
            for value in each.values
            if _made_by(each, value.number) == key and module_of(each, value.number) == module
        ]
        for each in (tape, other)
    )
    return found[alike.index(number)] if len(found) == len(alike) else None


def _made_by(tape: Tape, number: int) -> tuple[object, ...] | None:
    """What tells the making of a value from most others: operation, line and shape."""
    value = tape.values[number]
    if value.step is None:
        return None
    step = tape.steps[value.step]
    return (step.name, step.frame, step.slots[step.outputs.index(number)], tuple(value.tensor.shape))


def _declared_heads(seen: Recognition) -> tuple[int, int] | None:
    numbers = {
        role: number
        for part in seen.run.parts
        if (role := seen.roles.get(part.path)) is not None and (number := seen.run.number(part)) is not None
    }
    if Role.MU not in numbers or Role.SECOND not in numbers:
        return None
    return numbers[Role.MU], numbers[Role.SECOND]


def _decoding(tape: Tape, mu: int) -> int | None:
    """The step at which a layer first takes the mean itself, where a sample is meant."""
    layers = (
        step.index
        for step in tape.steps
        if mu in step.inputs and any(tape.values[n].sources == Tape.PARAMETER for n in step.inputs)
    )
    return next(layers, None)


def _std_added(seen: Recognition, mu: int, second: int) -> int | None:
    """The step that adds a function of the head for std to mu on the way to the reconstruction."""
    if seen.x_hat is None:
        return None
    tape, graph = seen.run.tape, seen.graph
    leads_on = graph.ancestors(seen.x_hat)
    functions = {
        n
        for n in graph.descendants((second,)) - graph.descendants((mu,))
        if second in graph.elementwise_past(n, Tape.INPUT)[0]
    }
    for step in tape.steps:
        adds = step.name in _SUMS and mu in step.inputs and any(n in functions for n in step.inputs)
        if adds and any(n in leads_on for n in step.outputs):
            return step.index
    return None
