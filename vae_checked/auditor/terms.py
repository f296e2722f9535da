"""The two terms of the loss as facts: what each is, how it is reduced, and what weight the KL has in the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from vae_checked.auditor.measure import kl as kl_term
from vae_checked.auditor.measure import recon as recon_term
from vae_checked.auditor.measure import weights
from vae_checked.auditor.measure.gradients import Gradients
from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recognition.observe import Observation
from vae_checked.facts import KL, EffectiveBeta, Fact, Interval, Likelihood, Origin, Recon, Reduced, Reduction

_NO_LOSS = "no loss is known: loss= settles it"


@dataclass(frozen=True)
class Observed:
    """The passes on which one audit rests: training at two batch sizes, the first one's gradients, and evaluation."""

    train: Observation
    gradients: Gradients
    other_batch: Observation | None
    evaluation: Observation | None

    @property
    def others(self) -> tuple[Observation, ...]:
        """The passes beside the first."""
        return tuple(seen for seen in (self.evaluation, self.other_batch) if seen is not None)

    @cached_property
    def recon(self) -> recon_term.ReconMeasured | None:
        """The reconstruction term of the training pass."""
        return recon_term.measure_recon(self.train)

    @cached_property
    def recon_reduced(self) -> Reduced | None:
        """How the reconstruction term is reduced; None where that cannot be told."""
        first, measured = self.train, self.recon
        if measured is None or measured.weight is None or first.join is None or first.total is None:
            return None
        by_batch = self._batch_reduction(measured.weight, recon_term.measure_recon)
        if by_batch is None:
            return None
        way = weights.way_to(first.run.tape, first.graph, first.join.predictions, first.total)
        way = way.without(measured.copies)
        return weights.explained(measured.weight, first.batch, self.event, way, by_batch)[0]

    @property
    def event(self) -> int:
        """The number of elements that one sample's target has."""
        first = self.train
        number = first.run.x_number if first.join is None else first.join.target
        return first.run.tape.values[number].tensor.numel() // first.batch

    def _batch_reduction(
        self,
        weight: float,
        measure: Callable[[Observation], recon_term.ReconMeasured | kl_term.KLMeasured | None],
    ) -> Reduction | None:
        pair, batches = [weight], [self.train.batch]
        if self.other_batch is not None:
            again = measure(self.other_batch)
            if again is not None and again.weight is not None:
                pair.append(again.weight)
                batches.append(self.other_batch.batch)
        return weights.batch_reduction(pair, batches, self.train.kept_batch)

    def kl_reduction(self, weight: float, place: int, interval: Interval | None) -> Reduction | None:
        """How the batch of one latent's KL is reduced, from its weight at both batch sizes."""

        def measure(seen: Observation) -> kl_term.KLMeasured | None:
            if place >= len(seen.latents):
                return None
            return kl_term.measure_kl(seen, seen.latents[place], interval, with_values=False)

        return self._batch_reduction(weight, measure)


def recon_facts(seen: Observed, unobserved: dict[str, str]) -> Recon:
    """The reconstruction term; what is not known goes to `unobserved` with its reason."""
    measured = seen.recon
    if measured is None:
        alone = seen.train.total is None or seen.train.kl_alone
        unobserved["recon.kind"] = _NO_LOSS if alone else "in the loss no prediction meets the data element by element"
        return Recon()
    if measured.kind is None:
        unobserved["recon.kind"] = measured.why
        return Recon()
    found = _known_recon(seen, measured, measured.kind)
    if found.reduced is None:
        unobserved["recon.reduced"] = measured.why or "the batch sizes that were run do not tell how it is reduced"
    return found


def _known_recon(seen: Observed, measured: recon_term.ReconMeasured, likelihood: Likelihood) -> Recon:
    kind, swapped = Fact(likelihood, measured.origin), Fact(measured.swapped, measured.origin)
    if measured.weight is None:
        return Recon(kind, swapped)
    reduced = seen.recon_reduced
    sign = Fact(1 if measured.weight > 0 else -1, measured.origin)
    return Recon(kind, swapped, sign, None if reduced is None else Fact(reduced, measured.origin))


@dataclass(frozen=True, slots=True)
class KLFacts:
    """The KL of one latent, the effective beta, and where the KL exchanges the heads, if it does."""

    kl: KL = field(default_factory=KL)
    beta: Fact[EffectiveBeta] | None = None
    swapped: Origin | None = None


def kl_facts(seen: Observed, place: int, interval: Interval | None, unobserved: dict[str, str]) -> KLFacts:
    """What is measured of the KL of one latent; what is not known goes to `unobserved` with its reason."""
    first = seen.train
    latent = first.latents[place]
    measured = kl_term.measure_kl(first, latent, interval)
    if measured is None:
        reason = _NO_LOSS if first.total is None else "the latent has no second head that follows from the input"
        unobserved["kl.form"] = reason
        return KLFacts()
    if measured.absent and not first.loss_takes_heads:
        unobserved["kl.form"] = "the loss takes the reconstruction alone: loss= with the KL in it settles it"
        return KLFacts()
    in_loss = Fact(not measured.absent, measured.origin)
    if measured.form is None:
        unobserved["kl.form"] = measured.why
        return KLFacts(KL(in_loss=in_loss), swapped=measured.origin if measured.swapped else None)
    form = Fact(measured.form, measured.origin)
    if measured.weight is None or first.total is None:
        if measured.why:
            unobserved["kl.factor"] = measured.why
        return KLFacts(KL(form, in_loss=in_loss))
    by_batch = seen.kl_reduction(measured.weight, place, interval)
    if by_batch is None:
        unobserved["kl.reduced"] = "the batch sizes that were run do not tell how the batch is reduced"
    way = _kl_way(first, latent, first.total)
    event = first.run.tape.values[latent.mu].tensor.numel() // first.batch
    reduced, factor = weights.explained(measured.weight, first.batch, event, way, by_batch)
    term = KL(
        form,
        Fact(factor, measured.origin),
        Fact(1 if measured.weight > 0 else -1, measured.origin),
        None if by_batch is None else Fact(reduced, measured.origin),
        in_loss,
    )
    return KLFacts(term, _beta(seen, measured.weight, event, reduced, factor.value))


def _kl_way(first: Observation, latent: Latent, total: int) -> weights.Way:
    predictions = () if first.join is None else first.join.predictions
    cut = [number for number in (*latent.every_z, latent.std, *predictions) if number is not None]
    return weights.way_to(first.run.tape, first.graph, (latent.mu,), total, cut, first.unknown_weight)


def _beta(seen: Observed, weight: float, latents: int, reduced: Reduced, factor: float) -> Fact[EffectiveBeta] | None:
    """The weight of one sample's summed KL over that of its summed error, with the sizes that make it."""
    measured, recon = seen.recon, seen.recon_reduced
    if measured is None or measured.weight is None or recon is None:
        return None
    factors: list[tuple[str, float]] = []
    if recon.event is Reduction.MEAN:
        factors.append(("elements of x", float(seen.event)))
    if reduced.event is Reduction.MEAN:
        factors.append(("latents", float(latents)))
    if recon.batch is not reduced.batch:
        factors.append(("batch", float(seen.train.batch)))
    if abs(factor - 1.0) > 1e-3:
        factors.append(("factor of the KL", factor))
    return Fact(EffectiveBeta(weight / measured.weight, tuple(factors)), measured.origin)
