"""From observations to Facts: every measurement that applies, and for the others the reason why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from vae_checked.auditor.measure import noise, output, sampler, training
from vae_checked.auditor.measure.bounds import weighs_worst
from vae_checked.auditor.measure.conditions import ignored_conditions
from vae_checked.auditor.measure.entering import entering_of
from vae_checked.auditor.measure.gradients import stopped_at
from vae_checked.auditor.measure.heads import head_source
from vae_checked.auditor.measure.intervals import interval_of
from vae_checked.auditor.measure.layout import axis_order
from vae_checked.auditor.measure.names import name_of_error, names_by_the_loss
from vae_checked.auditor.measure.overflow import overflow, overflowing_at
from vae_checked.auditor.measure.quantiser import commitment_of, quantiser_of
from vae_checked.auditor.measure.timing import drawn_in_training, leads_on, repeated, silent_timing, timing_of
from vae_checked.auditor.measure.unused_kl import unused_kl
from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recording.origins import described, origin_of_activation
from vae_checked.auditor.recording.replay import ReplayError
from vae_checked.auditor.terms import KLFacts, Observed, categorical_facts, kl_facts, recon_facts
from vae_checked.facts import (
    KL,
    Data,
    Fact,
    Facts,
    Head,
    Heads,
    HeadSource,
    Interval,
    Objective,
    Origin,
    Output,
    Recon,
    Sampler,
    Training,
)
from vae_checked.finding import Provenance
from vae_checked.layout_facts import Mixing
from vae_checked.training_facts import LOOP

T = TypeVar("T")
_ANOTHER_MEAN = "the loss judges a mean, and z is drawn around another value that the sampler makes of it"
_ANOTHER_HEAD = "the loss judges mu with what another network makes, and not with the head for std that z has"
_NO_LATENT = "no noise was seen to make z = location + scale * eps: a forward that samples, or adapter=, settles it"

_CATEGORICAL = "the posterior is categorical: it has classes, and no mean and no std"
_CODES = "z is the nearest row of a codebook: it has no mean, no std and no KL to N(0, I)"
_OF_A_GAUSSIAN = (
    "sampler.std", "sampler.noise", "sampler.shared_over", "sampler.gradient_reaches", "sampler.timing", "heads.mu",
    "heads.second", "heads.source", "heads.overflow",
)  # fmt: skip
_UNSEEN_NOISE = (
    "runs on one input differ, or cannot be repeated, and nothing random was recorded: noise that is drawn in another "
    "thread, or out of torch's sight, is not seen"
)

# What follows from the operations that ran whatever the numbers are, and what the caller says; the rest is measured.
_NOT_MEASURED = {
    **dict.fromkeys(("heads.mu", "heads.second", "output.interval", "output.activations"), Provenance.DERIVED),
    "data.interval": Provenance.READ,
}


def facts_of(seen: Observed, subject: str, data: Interval | None) -> list[Facts]:
    """One Facts per latent, or one for a model whose noise makes none; `data` is the interval of the data."""
    return [each.come_by(_NOT_MEASURED, Provenance.MEASURED) for each in _facts(seen, subject, data)]


def _facts(seen: Observed, subject: str, data: Interval | None) -> list[Facts]:
    shared = _shared(seen, subject, data)
    latents = seen.train.latents
    if not latents:
        return [_without_latent(shared, seen)]
    if len(latents) == 1:
        return [_with_latent(shared, seen, 0)]
    # A sample that is only returned, as to show it, is none by which the model is trained beside others that are.
    trained = [place for place, latent in enumerate(latents) if leads_on(seen.train, latent)]
    places = trained or range(len(latents))
    found = [(place, _with_latent(shared, seen, place)) for place in places]
    # Noise that neither a parametrisation nor a KL explains is a part of the model, and no posterior.
    explained = [each for each in found if _is_posterior(each[1])] or found[:1]
    if len(explained) == 1:
        return [explained[0][1]]
    judged = any(each.kl.in_loss is not None and each.kl.in_loss.value for _, each in explained)
    count = len(explained)
    return [
        replace(_beside_others(each, seen, place) if judged else each, subject=f"{subject} (latent {nth} of {count})")
        for nth, (place, each) in enumerate(explained, 1)
    ]


def _gradient_reaches(seen: Observed, place: int, unobserved: dict[str, str]) -> Fact[frozenset[Head]] | None:
    """The heads that the gradient of z reaches; not known of a z that nothing is reconstructed from."""
    latent, ends = seen.train.latents[place], output.output_number(seen.train)
    if (
        ends is not None
        and latent.mu not in seen.train.graph.ancestors(ends)
        and not leads_on(seen.train, latent, ends)
    ):
        unobserved["sampler.gradient_reaches"] = "z does not lead to the reconstruction, which is made another way"
        return None
    return seen.gradients.reaches[place]


def _stopped(seen: Observed, place: int) -> Fact[str] | None:
    """Where the gradient of z ends, of one that does not reach both heads."""
    reaches = seen.gradients.reaches[place]
    if reaches is None or reaches.value >= frozenset(Head):
        return None
    return stopped_at(seen.train, seen.train.latents[place])


def _is_posterior(facts: Facts) -> bool:
    std = facts.sampler.std
    return facts.kl.form is not None or (std is not None and std.value.parametrisation is not None)


def _beside_others(facts: Facts, seen: Observed, place: int) -> Facts:
    """What a latent's facts are where another's KL is in the loss.

    The absence of its own is then a design as likely as a mistake: not observed, unless it is computed and dropped.
    """
    in_loss = facts.kl.in_loss
    if in_loss is not None and in_loss.value:
        return facts
    second = None if facts.heads.second is None else facts.heads.second.value
    attempt = _Attempts({})
    dropped = attempt("kl.in_loss", lambda: unused_kl(seen.train, seen.train.latents[place], second), None)
    if dropped is None:
        return replace(facts, kl=replace(facts.kl, in_loss=None))
    reasons = {path: reason for path, reason in facts.unobserved.items() if path != "kl.in_loss"}
    return replace(facts, kl=replace(facts.kl, in_loss=Fact(False, dropped)), unobserved=reasons)


class _Attempts:
    """Runs measurements; one that fails on what the model does is noted as unobserved, and the others go on."""

    def __init__(self, unobserved: dict[str, str]) -> None:
        self.unobserved = unobserved

    def __call__(self, path: str, measure: Callable[[], T], otherwise: T) -> T:
        try:
            return measure()
        except ReplayError as error:
            self.unobserved[path] = str(error)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            self.unobserved[path] = f"this measurement does not fit the model: {described(error)}"
        return otherwise


def _shared(seen: Observed, subject: str, data: Interval | None) -> Facts:
    first, evaluated = seen.train, seen.evaluation
    attempt = _Attempts({})
    target = None if first.join is None else interval_of(first.run.tape, first.graph, first.join.target, data)
    if data is None:
        attempt.unobserved["data.interval"] = "the data's interval was not given: data_range=(low, high) settles it"
    mixing, dead = None, first.loss.dead_weights
    if evaluated is not None:
        mixing = attempt("output.batch_mixing", lambda: output.batch_mixing(evaluated), None)
    if mixing is not None and mixing.value is not None and output.has_time_first(first):
        if seen.batch_stated:
            mixing = replace(mixing, value=replace(mixing.value, by=Mixing.BATCH_AS_STEPS))
        else:
            mixing = None
            attempt.unobserved["output.batch_mixing"] = (
                f"samples move each other, and {Mixing.BATCH_AS_STEPS}: the data may have time there; inputs such as "
                "'B 7 4' say that it is the batch, forward= a method that takes the batch first that it is not"
            )
    if output.is_turned(first):
        attempt.unobserved["output.shape"] = (
            "the reconstruction has the data's axes in another order, and training may turn the data: "
            "loss= one that compares them settles it"
        )
    if first.total is not None and not first.loss.is_step:
        attempt.unobserved[LOOP] = (
            f"{first.loss.name} was measured as it is returned: what a training loop adds to it or weighs it by was "
            "not seen, vae-checked lint reads it"
        )
    return Facts(
        subject,
        output=Output(
            output.output_interval(first, data),
            output.activations(first),
            output.output_shape(first, chosen=seen.open_sizes),
            mixing,
        ),
        recon=replace(
            attempt("recon.kind", lambda: recon_facts(seen, attempt.unobserved), Recon()),
            weighs_worst=attempt("recon.weighs_worst", lambda: weighs_worst(first), None),
        ),
        data=Data(
            None if data is None else Fact(target or data, Origin("the data")),
            attempt("data.axis_order", lambda: axis_order(first), None),
            entering=None if data is None else attempt("data.entering", lambda: entering_of(first), None),
        ),
        objective=Objective(
            dead_weights=None if dead is None else Fact(dead, Origin(first.loss.name)),
            ignored_conditions=attempt("objective.ignored_conditions", lambda: ignored_conditions(first), None),
            commitment=attempt("objective.commitment", lambda: commitment_of(first), None),
        ),
        training=Training(
            without_gradient=seen.gradients.without,
            without_optimizer=seen.without_optimizer,
            always_on_dropout=None if evaluated is None else training.always_on_dropout(evaluated),
            hidden_nan=training.hidden_nan(first),
        ),
        unobserved=attempt.unobserved,
    )


def _without_latent(shared: Facts, seen: Observed) -> Facts:
    attempt = _Attempts(dict(shared.unobserved))
    categorical = attempt("kl.form", lambda: categorical_facts(seen, attempt.unobserved), None)
    if categorical is not None:
        reasons = {**attempt.unobserved, **dict.fromkeys(_OF_A_GAUSSIAN, _CATEGORICAL)}
        return replace(shared, kl=categorical, unobserved=reasons)
    if quantiser_of(seen.train) is not None:
        return replace(
            shared, unobserved={**attempt.unobserved, **dict.fromkeys(_OF_A_GAUSSIAN, _CODES), "kl.form": _CODES}
        )
    endless = overflowing_at(seen.train)
    reason = _NO_LATENT if endless is None else _endless(endless)
    unobserved = {**shared.unobserved, "sampler.std": reason, "kl.form": reason}
    if seen.unseen_noise:
        return replace(shared, unobserved={**unobserved, "sampler.timing": _UNSEEN_NOISE})
    return replace(shared, sampler=Sampler(timing=silent_timing(seen.train, seen.evaluation)), unobserved=unobserved)


def _endless(first: Origin) -> str:
    where = "" if first.place is None else f" ({first.place.path}:{first.place.line})"
    return (
        f"on the drawn input {first.source} is not finite{where}, and what follows from it neither: noise shows no z "
        "there; inputs= as training has them, or a trained model, settles it"
    )


def _with_latent(shared: Facts, seen: Observed, place: int) -> Facts:
    first = seen.train
    latent: Latent = first.latents[place]
    tape = first.run.tape
    attempt = _Attempts(dict(shared.unobserved))
    if latent.second is None:
        attempt.unobserved["sampler.std"] = "the std of this latent does not follow from the input"
    mu = interval_of(tape, first.graph, latent.location)
    second = None if latent.second is None else interval_of(tape, first.graph, latent.second)
    term = attempt("kl.form", lambda: kl_facts(seen, place, second, attempt.unobserved), KLFacts())
    if term.kl.form is not None and not attempt("kl.form", lambda: sampler.drawn_around_mu(first, latent), True):
        attempt.unobserved["kl.form"] = _ANOTHER_MEAN
        term = KLFacts(KL(in_loss=term.kl.in_loss))
    source = head_source(first, latent)
    if term.lacks_second:
        source = None
        attempt.unobserved["heads.source"] = _ANOTHER_HEAD
    elif term.swapped is not None:
        source = Fact(HeadSource.SWAPPED, term.swapped)
    elif first.loss.exchanged is not None and source is not None and source.value is HeadSource.DISTINCT:
        source = Fact(HeadSource.HANDED_OVER, first.loss.exchanged)
    terms = {"kl": term.name, "recon": attempt("recon.kind", lambda: name_of_error(first), "")}
    law = attempt("sampler.noise", lambda: noise.noise_law(first, seen.others, latent), None)
    timing = attempt(
        "sampler.timing", lambda: timing_of(first, seen.evaluation, latent), drawn_in_training(first, latent)
    )
    return replace(
        shared,
        sampler=Sampler(
            attempt("sampler.std", lambda: sampler.std_curve(first, latent, second), None),
            law,
            attempt("sampler.shared_over", lambda: noise.shared_over(first, latent), None),
            _gradient_reaches(seen, place, attempt.unobserved),
            repeated(timing, law),
            attempt("sampler.gradient_stopped", lambda: _stopped(seen, place), None),
        ),
        heads=Heads(
            None if mu is None else Fact(mu, origin_of_activation(tape, latent.location)),
            None
            if second is None or latent.second is None
            else Fact(second, origin_of_activation(tape, latent.second)),
            source,
            attempt("heads.overflow", lambda: overflow(first, latent, second), None),
        ),
        kl=term.kl,
        objective=replace(shared.objective, effective_beta=term.beta),
        names={**names_by_the_loss(first), **{role: name for role, name in terms.items() if name}},
        unobserved=attempt.unobserved,
    )
