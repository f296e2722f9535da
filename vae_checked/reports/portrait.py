"""What one VAE does, in the few lines that its author would ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vae_checked.catalogue.support.own_error import loss_in_words
from vae_checked.facts import REAL, Likelihood, Reduction
from vae_checked.mathematics.effective_beta import rendered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vae_checked.facts import Facts, Reduced

# What these take is no interval: scores and classes, rates and counts, the parameters of a distribution.
_OF_OTHER_NUMBERS = (Likelihood.CROSS_ENTROPY, Likelihood.POISSON, Likelihood.DENSITY)


def portrait(facts: Facts, *, of_vae: bool = True) -> list[str]:
    """Sampler, KL, reconstruction, ranges and effective beta, as far as they were observed; of no VAE its loss."""
    titled = (
        ("sampler", _sampler(facts)),
        ("kl", _kl(facts)),
        ("reconstruction" if of_vae else "loss", _reconstruction(facts)),
        ("ranges", _ranges(facts, "decoder gives" if of_vae else "output in") if of_vae or _is_bounded(facts) else ()),
    )
    lines = [(title, "; ".join(parts)) for title, parts in titled]
    return [*(f"{title}: {words}" for title, words in lines if words), *balance(facts)]


def balance(facts: Facts) -> list[str]:
    """The effective beta, where it was observed."""
    return [f"effective beta: {words}" for words in _beta(facts)]


def _sampler(facts: Facts) -> Iterator[str]:
    sampler = facts.sampler
    if sampler.std:
        form = sampler.std.value.parametrisation
        yield f"head for std s used as {form.meaning}, std = {form.formula}" if form else "std of no known formula"
    if sampler.noise:
        yield f"noise {sampler.noise.value.law}"
    timing = sampler.timing.value if sampler.timing else None
    if timing and timing.without_eps:
        yield "z = mu + std, without noise"
    elif timing:
        drawn = [
            moment
            for moment, random in (("training", timing.training), ("evaluation", timing.evaluation))
            if random is not None and random
        ]
        if drawn:
            yield f"drawn in {' and '.join(drawn)}"
        elif timing.training is not None:
            yield "not drawn in training"


def _kl(facts: Facts) -> Iterator[str]:
    kl = facts.kl
    if kl.form:
        form = kl.form.value.parametrisation
        reverse = ", arguments reversed" if kl.form.value.reversed else ""
        how = "an estimate by a draw" if kl.form.value.sampled else "closed form"
        yield f"{how} for s as {form.meaning}{reverse}" if form else "the KL of no parametrisation"
    elif kl.unread:
        yield "of a posterior or to a prior that is not read"
    if kl.factor and kl.factor.value.value != 1.0:
        yield f"factor {kl.factor.value.value:.4g}"
    if kl.reduced:
        yield from _reduced(kl.reduced.value, "the latents")
    if kl.in_loss and kl.in_loss.value is False:
        yield "not in the loss"


def _reconstruction(facts: Facts) -> Iterator[str]:
    if facts.recon.kind:
        yield loss_in_words(facts)
    elif facts.recon.unread:
        yield "of a kind that is not read"
    if facts.recon.reduced:
        yield from _reduced(facts.recon.reduced.value, "each sample")


def _reduced(reduced: Reduced, event: str) -> Iterator[str]:
    words = {Reduction.SUM: "summed", Reduction.MEAN: "averaged", Reduction.KEPT: "not reduced"}
    if reduced.event is Reduction.MIXED:
        yield f"summed over some axes of {event} and averaged over others"
    elif reduced.event is not None:
        yield f"{words[reduced.event]} over {event}"
    if reduced.batch is not None and reduced.batch is not Reduction.MIXED:
        yield f"{words[reduced.batch]} over the batch"


def _is_bounded(facts: Facts) -> bool:
    """Whether a range is known that says something."""
    ranges = (facts.output.interval, facts.data.interval)
    return any(each is not None and each.value != REAL for each in ranges)


def _ranges(facts: Facts, gives: str) -> Iterator[str]:
    if facts.output.interval:
        activations = facts.output.activations.value if facts.output.activations else ()
        if facts.recon.kind and facts.recon.kind.value is Likelihood.CROSS_ENTROPY and len(activations) > 1:
            # The last one is the softmax of the loss.
            activations = activations[:-1]
        by = f" by {', then '.join(activations)}" if activations else ""
        yield f"{gives} {facts.output.interval.value}{by}"
    kind = facts.recon.kind.value if facts.recon.kind else None
    if kind is not None and kind not in _OF_OTHER_NUMBERS and (kind.prediction.bounded or kind.target.bounded):
        yield f"{kind} takes a prediction in {kind.prediction} and a target in {kind.target}"
    if facts.data.interval:
        yield f"data in {facts.data.interval.value}"


def _beta(facts: Facts) -> Iterator[str]:
    beta = facts.objective.effective_beta
    if beta:
        yield f"{rendered(beta.value)}, the weight of the summed KL against the summed error"
