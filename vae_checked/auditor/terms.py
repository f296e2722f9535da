"""The two terms of the loss as facts: what each is, how it is reduced, and what weight the KL has in the end."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

from vae_checked.adapters import Role
from vae_checked.auditor.losses.settings import Setting
from vae_checked.auditor.measure import kl as kl_term
from vae_checked.auditor.measure import recon as recon_term
from vae_checked.auditor.measure import weights
from vae_checked.auditor.measure.categorical import CategoricalKL, categorical_kl
from vae_checked.auditor.measure.gradients import Gradients
from vae_checked.auditor.measure.intervals import interval_of
from vae_checked.auditor.measure.kl_written import Passage, WrittenKL, formula_in, passage_of, written_kl
from vae_checked.auditor.measure.turns import turned_at
from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recognition.reconstruction import ReconMeasured
from vae_checked.auditor.recording.origins import line_at, place_of
from vae_checked.auditor.recording.statements import statement_of
from vae_checked.facts import (
    KL,
    EffectiveBeta,
    Fact,
    Factor,
    Interval,
    KLForm,
    Likelihood,
    Origin,
    Quantity,
    Recon,
    Reduced,
    Reduction,
)
from vae_checked.mathematics.effective_beta import BATCH, Term, effective_beta, elements, latents

# Relative error of a measured weight.
_CLOSE = 2e-3
_BOUND = "error and KL both have a minus: a bound that is maximised elsewhere, or a loss of the wrong sign"
_NO_LOSS = "no loss is known: loss= settles it"


@dataclass(frozen=True)
class Observed:
    """The passes on which one audit rests: training at two batch sizes, the first one's gradients, and evaluation.

    `failed` says why a pass beside the first could not be made, `open_sizes` that the sizes of a sample are the audit's
    choice and not the model's own, `batch_stated` that the user said which axis is the batch, `unseen_noise` that a
    model whose recorded pass draws nothing may draw all the same, `without_optimizer` the parameters that no optimizer
    holds.
    """

    train: Recognition
    gradients: Gradients
    other_batch: Recognition | None
    evaluation: Recognition | None
    failed: tuple[str, ...] = ()
    open_sizes: bool = False
    batch_stated: bool = True
    unseen_noise: bool = False
    without_optimizer: Fact[tuple[str, ...]] | None = None

    @property
    def others(self) -> tuple[Recognition, ...]:
        """The passes beside the first."""
        return tuple(seen for seen in (self.evaluation, self.other_batch) if seen is not None)

    @cached_property
    def may_be_maximised(self) -> bool:
        """Whether all terms of what was taken for the loss have a minus, and nothing says that this is minimised."""
        first = self.train
        if first.loss.is_step or self.recon is None or (self.recon.weight or 0.0) >= 0:
            return False
        if not first.latents:
            return self.categorical is not None and self.categorical.weight < 0
        tape, graph = first.run.tape, first.graph
        measured = [
            kl_term.measure_kl(first, latent, interval_of(tape, graph, latent.second), with_values=False)
            for latent in first.latents
            if latent.second is not None
        ]
        # Free bits leave the KL its sign, and no weight.
        return bool(measured) and all(each is not None and (each.weight or each.sign or 0) < 0 for each in measured)

    @cached_property
    def recon(self) -> ReconMeasured | None:
        """The reconstruction term of the training pass."""
        return recon_term.measure_recon(self.train)

    @property
    def recon_reduced(self) -> Reduced | None:
        """How the reconstruction term is reduced; None where that is not known."""
        return None if self._recon_explained is None else self._recon_explained[0]

    @property
    def _error(self) -> float:
        """What the reconstruction term is times the error of its form; a squared one may have its Gaussian's 1/2."""
        factor = None if self._recon_explained is None else self._recon_explained[1]
        if self.recon is None or factor is None:
            return 1.0
        halved = self.recon.kind is Likelihood.MSE and math.isclose(factor.value, 0.5, rel_tol=_CLOSE)
        return 1.0 if halved else factor.value

    @cached_property
    def _recon_explained(self) -> tuple[Reduced, Factor | None] | None:
        """How the reconstruction term is reduced, and what is left of its weight."""
        first, measured = self.train, self.recon
        if measured is None or measured.weight is None or first.join is None or first.total is None:
            return None
        if first.doubtful_batch:
            return None
        divisions = self._batch_divisions(measured.weight, recon_term.measure_recon)
        if divisions is None and not first.loss.kept_batch:
            return None
        way = self._with_sizes(_recon_way, measured.copies)
        way = replace(way, settings=first.settings_by(Role.RECONSTRUCTION))
        found, factor = weights.explained(
            measured.weight, first.batch, self.event, way, divisions, first.loss.kept_batch
        )
        # Samples in several axes of their own may be averaged over one of them: that is no axis of a sample.
        return None if measured.copies > 1 and found.event is Reduction.MIXED else (found, factor)

    def _with_sizes(self, way_in: Callable[[Recognition], weights.Way | None], copies: int = 1) -> weights.Way:
        """The way of a term to the loss, with what in it follows the batch size."""
        first, other = self.train, self.other_batch
        way = (way_in(first) or weights.Way((), ())).without(copies)
        if other is None:
            return way.with_sizes(first.batch, None, first.batch)
        return way.with_sizes(first.batch, way_in(other), other.batch)

    @property
    def event(self) -> int:
        """The number of elements that one sample's target has."""
        first = self.train
        number = first.run.x_number if first.join is None else first.join.target
        return first.run.tape.values[number].tensor.numel() // (1 if first.by_rows else first.batch)

    def _batch_divisions(
        self,
        weight: float,
        measure: Callable[[Recognition], ReconMeasured | kl_term.KLMeasured | CategoricalKL | None],
    ) -> int | None:
        if self.other_batch is None:
            return None
        again = measure(self.other_batch)
        if again is None or again.weight is None:
            return None
        return weights.batch_divisions((weight, again.weight), (self.train.batch, self.other_batch.batch))

    def kl_reduction(
        self, weight: float, place: int, interval: Interval | None, written: WrittenKL | None
    ) -> tuple[Reduced, Factor | None, float | None]:
        """How one latent's KL is reduced, from its weight at both batch sizes, its factor, and that where it stands."""
        first = self.train

        def measure(seen: Recognition) -> kl_term.KLMeasured | None:
            if place >= len(seen.latents):
                return None
            return kl_term.measure_kl(seen, seen.latents[place], interval, with_values=False)

        def way_in(seen: Recognition) -> weights.Way | None:
            if place >= len(seen.latents):
                return None
            latent = seen.latents[place]
            term = None if written is None else kl_term.term_of(seen, latent, interval)
            formula = None if written is None or term is None else formula_in(passage_of(term), written.formula)
            return _kl_way(seen, latent, formula)

        divisions = self._batch_divisions(weight, measure)
        copies = self.copies(place)
        way = self._with_sizes(way_in, copies)
        if way.spread == self.samples_at_once(place):
            way = way.without(way.spread)
        way = replace(way, settings=(*first.settings_by(Role.MU, Role.SECOND), *_supplied(first)))
        event = self.latents_of(place)
        own, stated = self._own(way, written)
        found = weights.explained(weight * copies, first.batch, event, way, divisions, first.loss.kept_batch, own)
        if found[0].event is Reduction.MIXED and copies * self.samples_at_once(place) > 1:
            return replace(found[0], batch=None), found[1], stated
        return *found, stated

    @cached_property
    def categorical(self) -> CategoricalKL | None:
        """The KL of a categorical posterior in the training pass."""
        return categorical_kl(self.train)

    def categorical_reduction(
        self, found: CategoricalKL, written: WrittenKL | None
    ) -> tuple[Reduced, Factor | None, float | None]:
        """How the KL of a categorical posterior is reduced over its variables, its factor, and that where it stands."""
        first = self.train
        divisions = self._batch_divisions(found.weight, categorical_kl)
        way = self._with_sizes(lambda seen: _categorical_way(seen, written))
        event = first.run.tape.values[found.logits].tensor.numel() // found.classes // first.batch
        own, stated = self._own(way, written)
        return *weights.explained(found.weight, first.batch, event, way, divisions, first.loss.kept_batch, own), stated

    def _own(self, way: weights.Way, written: WrittenKL | None) -> tuple[weights.Own, float | None]:
        """What is known of a KL beside its weight, and what its statement makes of it."""
        if written is None:
            return weights.Own(error=self._error), None
        stated = written.factor * weights.product(way.stated)
        return weights.Own(abs(stated), written.times, self._error), stated

    def copies(self, place: int) -> int:
        """How often a head is repeated before anything is made of it, as one for each of several samples."""
        first = self.train
        head = first.latents[place].mu
        sizes = [first.run.tape.values[n].tensor.numel() for n in first.graph.moved_from(head)]
        return sizes[0] // min(sizes)

    def samples_at_once(self, place: int) -> int:
        """How many samples of z stand in one tensor for each posterior."""
        values, latent = self.train.run.tape.values, self.train.latents[place]
        return values[latent.z].tensor.numel() // values[latent.mu].tensor.numel()

    def latents_of(self, place: int) -> int:
        """The number of latents of one sample, each counted once."""
        first = self.train
        head = first.run.tape.values[first.latents[place].mu].tensor
        return head.numel() // first.batch // self.copies(place)


def _supplied(first: Recognition) -> tuple[Setting, ...]:
    """Weights that the loss asks for and nobody gave."""
    return tuple(Setting(name, None, ()) for name in first.loss.supplied_weights)


def _recon_way(seen: Recognition) -> weights.Way | None:
    if seen.join is None or seen.total is None:
        return None
    heads = [head for latent in seen.latents for head in latent.heads]
    found = None if heads else categorical_kl(seen)
    heads += [] if found is None else [found.logits]
    kls = seen.graph.descendants(heads, without=seen.join.predictions)
    return weights.way_to(seen.run.tape, seen.graph, seen.join.predictions, seen.total, others=kls)


def _kl_way(seen: Recognition, latent: Latent, formula: weights.Formula | None) -> weights.Way | None:
    if seen.total is None:
        return None
    predictions = () if seen.join is None else seen.join.predictions
    cut = [number for number in (*latent.every_z, latent.std, *predictions) if number is not None]
    errors = seen.graph.descendants(predictions)
    return weights.way_to(seen.run.tape, seen.graph, (latent.mu,), seen.total, cut, formula, errors)


def _categorical_way(seen: Recognition, written: WrittenKL | None) -> weights.Way | None:
    found = categorical_kl(seen)
    if found is None or seen.total is None:
        return None
    cut = () if seen.join is None else seen.join.predictions
    passage = Passage(seen.graph, (found.logits,), seen.total, cut)
    formula = None if written is None else formula_in(passage, written.formula)
    errors = seen.graph.descendants(cut)
    return weights.way_to(seen.run.tape, seen.graph, (found.logits,), seen.total, cut, formula, errors)


def _written_categorical(seen: Recognition, found: CategoricalKL) -> WrittenKL | None:
    """The KL of a categorical posterior where it is written; None where other terms are made of its logits as well."""
    cut = () if seen.join is None else seen.join.predictions
    passage = None if seen.total is None else Passage(seen.graph, (found.logits,), seen.total, cut)
    if passage is None or found.number not in passage.waists:
        return None
    means = weights.way_to(seen.run.tape, seen.graph, (found.logits,), found.number, cut).means
    return passage.written(passage.waists.index(found.number), found.factor * math.prod(means))


def categorical_facts(seen: Observed, unobserved: dict[str, str]) -> KL | None:
    """The KL of a categorical posterior to the uniform prior; None where the loss has none.

    What is not known goes to `unobserved` with its reason.
    """
    found = seen.categorical
    if found is None:
        return None
    written = _written_categorical(seen.train, found)
    origin = _stated_at(found.origin, written)
    form, in_loss = Fact(found.form, origin), Fact[bool | None](True, origin)
    sign = _sign(seen, found.weight, _turned_kl(seen, origin, written), unobserved)
    if seen.train.doubtful_batch:
        return KL(form, sign=sign, in_loss=in_loss)
    reduced, factor, stated = seen.categorical_reduction(found, written)
    form = _as_written(form, written, stated)
    known = None if reduced.batch is None else Fact(reduced, origin)
    return KL(form, _factor(factor, origin, written, unobserved), sign, known, in_loss)


def _sign(seen: Observed, weight: float, origin: Origin, unobserved: dict[str, str]) -> Fact[int] | None:
    """The sign of a KL, which is not known where all of the loss may be maximised."""
    if seen.may_be_maximised:
        unobserved["kl.sign"] = _BOUND
        return None
    return Fact(1 if weight > 0 else -1, origin)


def _factor(
    factor: Factor | None, origin: Origin, written: WrittenKL | None, unobserved: dict[str, str]
) -> Fact[Factor] | None:
    """The factor of a KL and where it gets it."""
    if factor is None:
        unobserved["kl.factor"] = "the loss adds the KL more than once, and each time with another weight or error"
        return None
    return Fact(factor, _weighed_at(origin, written, factor))


def _as_written(form: Fact[KLForm], written: WrittenKL | None, stated: float | None) -> Fact[KLForm]:
    """The form of a KL with what it is times the KL where it stands."""
    if written is None or stated is None:
        return form
    source = written.source or form.origin.source
    return Fact(replace(form.value, written=stated * written.turned), replace(form.origin, source=source))


def recon_facts(seen: Observed, unobserved: dict[str, str]) -> Recon:
    """The reconstruction term; what is not known goes to `unobserved` with its reason."""
    measured = seen.recon
    if measured is None:
        alone = seen.train.total is None or seen.train.loss.kl_alone
        unobserved["recon.kind"] = _NO_LOSS if alone else "in the loss no prediction meets the data element by element"
        return Recon()
    if measured.kind is None:
        unobserved["recon.kind"] = measured.why
        return Recon()
    found = _known_recon(seen, measured, measured.kind)
    if seen.may_be_maximised:
        unobserved["recon.sign"] = _BOUND
    if found.reduced is None:
        otherwise = seen.train.doubtful_batch or "the batch sizes that were run do not tell how it is reduced"
        if measured.copies > 1:
            otherwise = "means over several samples are not distinguished from those over a sample's axes"
        unobserved["recon.reduced"] = measured.why or otherwise
    return found


def _known_recon(seen: Observed, measured: ReconMeasured, likelihood: Likelihood) -> Recon:
    kind, swapped = Fact(likelihood, measured.origin), Fact(measured.swapped, measured.origin)
    if measured.weight is None:
        return Recon(kind, swapped)
    reduced = seen.recon_reduced
    sign = None if seen.may_be_maximised else Fact(1 if measured.weight > 0 else -1, _turned(seen, measured))
    return Recon(kind, swapped, sign, None if reduced is None else Fact(reduced, measured.origin))


def _turned(seen: Observed, measured: ReconMeasured) -> Origin:
    """Where the error gets its sign: at the step that turns it, where one does, else where it is measured."""
    first, origin = seen.train, measured.origin
    if measured.weight is None or measured.weight > 0 or first.join is None or first.total is None:
        return origin
    place = turned_at(first.graph, first.join.step.outputs, first.total)
    return origin if place is None else replace(origin, place=place)


@dataclass(frozen=True, slots=True)
class KLFacts:
    """The KL of one latent, the effective beta, and where the KL exchanges the heads, if it does.

    `lacks_second`: another network takes part in it, and the head for std of this latent does not. `name` is what the
    source calls it, where it says so.
    """

    kl: KL = field(default_factory=KL)
    beta: Fact[EffectiveBeta] | None = None
    swapped: Origin | None = None
    lacks_second: bool = False
    name: str = ""


def kl_facts(seen: Observed, place: int, interval: Interval | None, unobserved: dict[str, str]) -> KLFacts:
    """What is measured of the KL of one latent; what is not known goes to `unobserved` with its reason."""
    first = seen.train
    latent = first.latents[place]
    measured = kl_term.measure_kl(first, latent, interval)
    if measured is None:
        reason = _NO_LOSS if first.total is None else "the latent has no head for std that follows from the input"
        unobserved["kl.form"] = reason
        return KLFacts()
    if measured.in_loss is False and not first.loss.takes_heads:
        unobserved["kl.form"] = (
            "no KL is in what was taken for the loss, and one may be added elsewhere: "
            "loss= with the KL in it settles it"
        )
        return KLFacts()
    in_loss: Fact[bool | None] | None = None
    if measured.in_loss is not None:
        in_loss = Fact(measured.in_loss, measured.origin)
    if in_loss is None:
        unobserved["kl.in_loss"] = measured.why
    if measured.form is None:
        unobserved["kl.form"] = measured.why
        swapped = measured.origin if measured.swapped else None
        sign = None if measured.sign is None else _sign(seen, measured.sign, measured.origin, unobserved)
        density = None if measured.density is None else Fact(measured.density, measured.origin)
        kl = KL(sign=sign, in_loss=in_loss, density=density)
        return KLFacts(kl, swapped=swapped, lacks_second=measured.lacks_second)
    form = Fact(measured.form, measured.origin)
    if measured.weight is None or first.total is None:
        if measured.why:
            unobserved["kl.factor"] = measured.why
        sign = None if measured.sign is None else _sign(seen, measured.sign, measured.origin, unobserved)
        return KLFacts(KL(form, sign=sign, in_loss=in_loss))
    if first.doubtful_batch:
        unobserved["kl.reduced"] = first.doubtful_batch
        return KLFacts(KL(form, sign=_sign(seen, measured.weight, measured.origin, unobserved), in_loss=in_loss))
    heads = kl_term.term_of(first, latent, interval)
    written = None if heads is None else written_kl(heads, learned=measured.form.learned)
    origin = _stated_at(measured.origin, written)
    reduced, factor, stated = seen.kl_reduction(measured.weight, place, interval, written)
    form = _as_written(replace(form, origin=origin), written, stated)
    if reduced.batch is None:
        unobserved["kl.reduced"] = "the batch sizes that were run do not tell how the batch is reduced"
    event, once = seen.latents_of(place), measured.weight * seen.copies(place)
    term = KL(
        form,
        _factor(factor, origin, written, unobserved),
        _sign(seen, measured.weight, _turned_kl(seen, origin, written), unobserved),
        None if reduced.batch is None else Fact(reduced, origin),
        in_loss,
    )
    name = "" if written is None else written.name
    return KLFacts(term, _beta(seen, once, event, reduced, place), name=name)


def _turned_kl(seen: Observed, formula: Origin, written: WrittenKL | None) -> Origin:
    """Where a KL that counts with a minus gets it: at the step that turns it, or in a formula of the wrong sign."""
    if written is None or written.factor * written.turned < 0 or seen.train.total is None:
        return formula
    place = turned_at(seen.train.graph, (written.formula.end,), seen.train.total)
    return formula if place is None else replace(formula, place=place)


def _stated_at(origin: Origin, written: WrittenKL | None) -> Origin:
    """The origin of a KL, at the first line of its statement where it is a later one of that."""
    place, statement = origin.place, None if written is None or not written.source else statement_of(written.made)
    if statement is None or place is None:
        return origin
    path, first, last = statement
    return replace(origin, place=line_at(path, first)) if first < place.line <= last else origin


def _weighed_at(formula: Origin, written: WrittenKL | None, factor: Factor) -> Origin:
    """Where a KL gets its factor: in its formula, or where it is added once more."""
    step = None if written is None else written.made if factor.times == 1 else written.added
    return formula if step is None else _stated_at(replace(formula, place=place_of(step)), written)


def _beta(seen: Observed, weight: float, count: int, reduced: Reduced, place: int) -> Fact[EffectiveBeta] | None:
    """The weight of one sample's summed KL over that of its summed error, with the sizes and weights that make it.

    What was measured is a number at one batch size and one setting of the weights; what is left of it beside those is
    the constant.
    """
    measured, recon = seen.recon, seen.recon_reduced
    if measured is None or measured.weight is None or recon is None:
        return None
    first = seen.train
    spatial = first.run.tape.values[first.latents[place].mu].tensor.dim() > 2
    of_kl = Term(
        reduced,
        latents(None if seen.open_sizes and spatial else float(count)),
        weights=_weights(first, Role.MU, Role.SECOND),
    )
    flat = first.run.x.dim() == 2
    of_recon = Term(
        recon,
        elements(None if seen.open_sizes else float(seen.event), flat=flat),
        weights=_weights(first, Role.RECONSTRUCTION),
    )
    beta = effective_beta(of_kl, of_recon)
    if beta is None:
        return None
    drawn = {of_recon.size.symbol: seen.event, of_kl.size.symbol: count, BATCH: first.batch}
    ran_with = (drawn.get(each.symbol, 1.0 if each.value is None else each.value) for each in beta.factors)
    known = math.prod(float(size) ** each.power for size, each in zip(ran_with, beta.factors, strict=True))
    return Fact(replace(beta, constant=_constant(abs(weight / measured.weight), known)), measured.origin)


def _constant(whole: float, known: float) -> float:
    """What is left of a measured weight beside the known factors, rounded where it, or the whole, is a round number.

    Whichever is nearer to one: the constant of 4 = 0.005102 * 784 is no 0.0051.
    """
    rounded = [float(f"{whole / known:.3g}"), float(f"{whole:.3g}") / known]
    nearest = min(rounded, key=lambda value: abs(value * known - whole))
    return nearest if math.isclose(nearest * known, whole, rel_tol=_CLOSE) else whole / known


def _weights(first: Recognition, *roles: Role) -> tuple[Quantity, ...]:
    """The settings of the loss that weigh a term; what nobody gave was 1 in the run, and has no value."""
    named = tuple(Quantity(setting.name, 1, setting.value) for setting in first.settings_by(*roles) if setting.value)
    supplied = first.loss.supplied_weights if Role.MU in roles else ()
    return (*named, *(Quantity(name) for name in supplied))
