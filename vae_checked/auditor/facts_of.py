"""From observations to Facts: every measurement that applies, and for the others the reason why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import nn

from vae_checked.auditor.latents import Latent
from vae_checked.auditor.measure import kl as kl_term
from vae_checked.auditor.measure import noise, output, recon, sampler, training, weights
from vae_checked.auditor.measure.intervals import interval_of
from vae_checked.auditor.measure.layout import axis_order
from vae_checked.auditor.measure.overflow import overflow
from vae_checked.auditor.measure.silence import silent_timing
from vae_checked.auditor.observe import Observation
from vae_checked.auditor.words import origin_of
from vae_checked.facts import (
    KL,
    Data,
    EffectiveBeta,
    Fact,
    Facts,
    Heads,
    HeadSource,
    Interval,
    Likelihood,
    NoiseTiming,
    Objective,
    Origin,
    Output,
    Recon,
    Reduced,
    Reduction,
    Sampler,
    Training,
)


@dataclass(frozen=True, slots=True)
class Observed:
    """The passes on which one audit rests: training at two batch sizes, and evaluation."""

    train: Observation
    other_batch: Observation | None
    evaluation: Observation | None


def facts_of(model: nn.Module, seen: Observed, subject: str, data: Interval | None, known: bool) -> list[Facts]:
    """One Facts per latent, or one for a model whose noise makes none; `known` says whether `data` was given."""
    latents: Sequence[Latent | None] = seen.train.latents or (None,)
    shared = _shared(model, seen, subject, data, known)
    if len(latents) == 1:
        return [_with_latent(shared, seen, 0)] if latents[0] is not None else [_without_latent(shared, seen)]
    return [
        replace(_with_latent(shared, seen, place), subject=f"{subject} (latent {place + 1} of {len(latents)})")
        for place in range(len(latents))
    ]


# ------------------------------------------------------------------------------------- what all share


def _shared(model: nn.Module, seen: Observed, subject: str, data: Interval | None, known: bool) -> Facts:
    first = seen.train
    unobserved: dict[str, str] = {}
    target = None if first.join is None else interval_of(first.run.tape, first.graph, first.join.target, data)
    data_fact = Fact(target or data, Origin("the data")) if known and data is not None else None
    if data_fact is None:
        unobserved["data.interval"] = "the data's interval was not given: data_range=(low, high) settles it"
    measured = recon.measure_recon(first)
    found = Recon()
    if measured is None:
        unobserved["recon.kind"] = _why_no_recon(first)
    elif measured.kind is None:
        unobserved["recon.kind"] = measured.why
    else:
        found = _recon(seen, measured, measured.kind)
        if found.reduced is None:
            unobserved["recon.reduced"] = measured.why or "one batch size alone does not tell how the batch is reduced"
    evaluated = seen.evaluation
    return Facts(
        subject,
        output=Output(
            output.output_interval(first, data),
            output.activations(first),
            output.output_shape(first),
            output.batch_mixing(evaluated) if evaluated is not None else None,
        ),
        recon=found,
        data=Data(data_fact, axis_order(first)),
        objective=Objective(
            dead_weights=None if first.dead_weights is None else Fact(first.dead_weights, Origin(first.loss_name))
        ),
        training=Training(
            without_gradient=training.without_gradient(first, model),
            always_on_dropout=None if evaluated is None else training.always_on_dropout(evaluated),
            hidden_nan=training.hidden_nan(first),
        ),
        unobserved=unobserved,
    )


def _why_no_recon(seen: Observation) -> str:
    if seen.total is None or seen.kl_alone:
        return "no loss is known: loss= settles it"
    return "in the loss no prediction meets the data element by element"


def _recon(seen: Observed, measured: recon.ReconMeasured, kind: Likelihood) -> Recon:
    kind_fact, swapped = Fact(kind, measured.origin), Fact(measured.swapped, measured.origin)
    if measured.weight is None:
        return Recon(kind_fact, swapped)
    reduced = _recon_reduced(seen, measured.weight)
    return Recon(
        kind_fact,
        swapped,
        Fact(1 if measured.weight > 0 else -1, measured.origin),
        None if reduced is None else Fact(reduced, measured.origin),
    )


def _recon_reduced(seen: Observed, weight: float) -> Reduced | None:
    first = seen.train
    if first.join is None or first.total is None:
        return None
    pair, batches = [weight], [first.batch]
    if seen.other_batch is not None:
        again = recon.measure_recon(seen.other_batch)
        if again is not None and again.weight is not None:
            pair.append(again.weight)
            batches.append(seen.other_batch.batch)
    by_batch = weights.batch_reduction(pair, batches, first.kept_batch)
    if by_batch is None:
        return None
    way = weights.way_to(first.run.tape, first.graph, (first.join.prediction,), first.total)
    event = first.run.tape.values[first.join.prediction].tensor.numel() // first.batch
    return weights.explained(weight, first.batch, event, way, by_batch)[0]


# ------------------------------------------------------------------------------------------- per latent


def _without_latent(shared: Facts, seen: Observed) -> Facts:
    reason = "no noise was seen to make z = location + scale * eps: adapter= or a forward that samples settles it"
    return replace(
        shared,
        sampler=Sampler(timing=silent_timing(seen.train, seen.evaluation)),
        unobserved={**shared.unobserved, "sampler.std": reason, "kl.form": reason},
    )


def _with_latent(shared: Facts, seen: Observed, place: int) -> Facts:
    first = seen.train
    latent = first.latents[place]
    tape = first.run.tape
    unobserved = dict(shared.unobserved)
    mu_interval = interval_of(tape, first.graph, latent.location)
    second_interval = None if latent.second is None else interval_of(tape, first.graph, latent.second)
    other = seen.other_batch
    if latent.second is None:
        unobserved["sampler.std"] = "the std of this latent does not follow from the input"
    evaluated = None if seen.evaluation is None else bool(seen.evaluation.latents)
    found = Sampler(
        sampler.std_curve(first, latent, second_interval),
        noise.noise_law(first, other, latent),
        noise.shared_over(first, latent),
        sampler.gradient_reaches(first, latent),
        Fact(NoiseTiming(True, evaluated), origin_of(tape, latent.z)),
    )
    heads = Heads(
        None if mu_interval is None else Fact(mu_interval, origin_of(tape, latent.location)),
        None
        if second_interval is None or latent.second is None
        else Fact(second_interval, origin_of(tape, latent.second)),
        _source(first, latent),
        overflow(first, latent, second_interval),
    )
    term, beta = _kl(seen, place, second_interval, unobserved)
    return replace(
        shared,
        sampler=found,
        heads=heads,
        kl=term,
        objective=replace(shared.objective, effective_beta=beta),
        unobserved=unobserved,
    )


def _source(seen: Observation, latent: Latent) -> Fact[HeadSource] | None:
    if latent.second is None:
        return None
    tape = seen.run.tape
    mu, second = tape.values[latent.location], tape.values[latent.second]
    same = mu.number == second.number or (
        mu.tensor.numel() == second.tensor.numel() and bool((mu.data.flatten() == second.data.flatten()).all())
    )
    origin = origin_of(tape, latent.second)
    return Fact(HeadSource.DUPLICATED if same else HeadSource.DISTINCT, origin)


def _kl(
    seen: Observed, place: int, interval: Interval | None, unobserved: dict[str, str]
) -> tuple[KL, Fact[EffectiveBeta] | None]:
    first = seen.train
    latent = first.latents[place]
    measured = kl_term.measure_kl(first, latent, interval)
    if measured is None:
        unobserved["kl.form"] = "no loss is known: loss= settles it"
        return KL(), None
    in_loss = Fact(not measured.absent, measured.origin)
    if measured.form is None:
        unobserved["kl.form"] = measured.why
        return KL(in_loss=in_loss), None
    form = Fact(measured.form, measured.origin)
    if measured.weight is None or first.total is None:
        return KL(form, in_loss=in_loss), None
    pair, batches = [measured.weight], [first.batch]
    if seen.other_batch is not None and place < len(seen.other_batch.latents):
        again = kl_term.measure_kl(seen.other_batch, seen.other_batch.latents[place], interval)
        if again is not None and again.weight is not None:
            pair.append(again.weight)
            batches.append(seen.other_batch.batch)
    by_batch = weights.batch_reduction(pair, batches, first.kept_batch)
    if by_batch is None:
        unobserved["kl.reduced"] = "the batch sizes that were run do not tell how the batch is reduced"
    prediction = None if first.join is None else first.join.prediction
    cut = [number for number in (latent.z, latent.std, prediction) if number is not None]
    way = weights.way_to(first.run.tape, first.graph, (latent.location,), first.total, cut)
    event = first.run.tape.values[latent.location].tensor.numel() // first.batch
    reduced, factor = weights.explained(measured.weight, first.batch, event, way, by_batch)
    term = KL(
        form,
        Fact(factor, measured.origin),
        Fact(1 if measured.weight > 0 else -1, measured.origin),
        None if by_batch is None else Fact(reduced, measured.origin),
        in_loss,
    )
    return term, _beta(seen, measured.weight)


def _beta(seen: Observed, kl_weight: float) -> Fact[EffectiveBeta] | None:
    first = seen.train
    measured = recon.measure_recon(first)
    if measured is None or measured.weight is None or first.join is None:
        return None
    factors: list[tuple[str, float]] = []
    reduced = _recon_reduced(seen, measured.weight)
    event = first.run.tape.values[first.join.prediction].tensor.numel() // first.batch
    if reduced is not None and reduced.event is Reduction.MEAN:
        factors.append(("elements of x", float(event)))
    return Fact(EffectiveBeta(kl_weight / measured.weight, tuple(factors)), measured.origin)
