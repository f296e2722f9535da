"""The KL term by its gradient: which closed form it is, its weight, sign and reductions, and whether it is there.

The reconstruction is held still. eps is +1 and then -1 and the gradients averaged, which is exact for every KL that is
quadratic in eps: a KL estimated from the sample z is measured as its closed form would be.
"""

from __future__ import annotations

import math
from collections.abc import Set
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vae_checked.auditor.measure.full_covariance import full_covariance_kl
from vae_checked.auditor.measure.kl_fit import Drawn, fit, fixed_prior, nearest_form, weight_of
from vae_checked.auditor.measure.kl_term import Term, assumed, in_single
from vae_checked.auditor.measure.learned_prior import DRAWS, LearnedPrior, learned_prior
from vae_checked.auditor.measure.sampled_prior import estimate_of, has_another_prior
from vae_checked.auditor.recognition.graph import is_layout
from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recording.literals import is_written, multiplies_by_written_zero
from vae_checked.auditor.recording.origins import names_in, origin_of, place_of
from vae_checked.auditor.recording.replay import replay
from vae_checked.auditor.recording.tape import Step, Tape
from vae_checked.facts import Density, Family, Interval, KLForm, Origin, Parametrisation
from vae_checked.mathematics.gaussians import gaussian_kl, prior_head, std_at

_LOOSE = 2e-2
_LINEAR = names_in("add sub rsub mul div neg mean sum cumsum dot mv mm bmm matmul _to_copy")
_ADDING = names_in("add sub rsub")
_IDENTITY_ABOVE_ZERO = names_in("abs relu")
_CLIPPING = names_in("clamp clamp_min clamp_max hardtanh maximum minimum relu threshold")
_ROUNDING = 1e-4
_AT = ((0.0, 0.7), (0.6, 0.7), (1.5, -1.1), (-0.8, 1.9))
_AT_POSITIVE = ((0.0, 0.7), (0.6, 0.7), (1.5, 0.4), (-0.8, 1.9))


@dataclass(frozen=True, slots=True)
class KLMeasured:
    """`form` None where the term is something else, with the reason in `why`; `weight` that of one latent's KL.

    `in_loss`: whether the loss has a gradient by it, None where that was not seen. `swapped`: it is the KL of a
    posterior whose heads are swapped. `prior` is the one that it is taken to, None where that is N(0, I).
    `lacks_second`: the head for std takes no part in it, and another network does. `sign` is that of a KL that has no
    weight: that a sample estimates and whose form is not known, or that free bits and the like let through where large;
    `density` is what is known of one that a sample estimates.
    """

    form: KLForm | None
    weight: float | None
    origin: Origin
    why: str = ""
    in_loss: bool | None = None
    swapped: bool = False
    prior: LearnedPrior | None = None
    lacks_second: bool = False
    sign: int | None = None
    density: Density | None = None


def term_of(seen: Recognition, latent: Latent, interval: Interval | None) -> Term | None:
    """One latent's heads and what the loss has of them; None without a loss or without a head for std."""
    if seen.total is None or latent.second is None:
        return None
    positive = interval is not None and interval.low >= 0
    held = held_still(seen, latent, seen.total)
    return Term(seen, latent, latent.mu, latent.second, seen.total, positive, held)


def measure_kl(
    seen: Recognition, latent: Latent, interval: Interval | None, *, with_values: bool = True
) -> KLMeasured | None:
    """The KL of one latent; None without a loss or without a head for std. `with_values`: at chosen points as well."""
    term = term_of(seen, latent, interval)
    if term is None:
        return None
    held = term.held
    ahead = seen.graph.between((term.mu, term.second), term.total, held)
    if term.total not in seen.graph.descendants((term.mu, term.second), held):
        if _encoded_again(term):
            return KLMeasured(None, None, Origin(), "the loss follows from the encoder by another way than these heads")
        if seen.join is not None and any(number in held for number in latent.every_z):
            why = "z reaches the loss through another network than the decoder: it may stand in the place of the KL"
            return KLMeasured(None, None, Origin(), why)
        where = origin_of(term.tape, term.total, seen.loss.name)
        why = "the loss follows from the heads through the reconstruction alone"
        return KLMeasured(None, None, where, why, in_loss=False)
    origin = _origin(term, ahead)
    if term.tape.values[term.mu].tensor.shape != term.tape.values[term.second].tensor.shape:
        full = full_covariance_kl(term)
        if full is None:
            return KLMeasured(None, None, origin, "mu and the head for std have different shapes")
        form = KLForm(None, family=Family.FULL, reversed=full.is_reversed)
        return KLMeasured(form, full.weight, origin, in_loss=True)
    if term.second == term.mu:
        return KLMeasured(None, None, origin, "both heads are one tensor, so that their gradients cannot be separated")
    found = term.drawn((1, 2))
    drawn = [each for each in found if each is not None]
    if not term.positive and (len(drawn) < len(found) or not _is_read(drawn)):
        term, drawn = _of_positive_head(term) or (term, drawn)
    if len(drawn) < len(found):
        return KLMeasured(None, None, origin, "the loss cannot be run with other heads, or gives no finite gradient")
    if all(each.flat for each in drawn):
        of_zero = _weights_of_zero(term.tape, ahead)
        if not all(multiplies_by_written_zero(step) for step in of_zero):
            return KLMeasured(None, None, origin, "its weight is 0 in this run: an annealing's start?")
        if of_zero:
            origin = Origin(term.seen.loss.name, place_of(of_zero[0]))
        clipping = _clipping(term, ahead)
        if clipping is not None:
            place = place_of(clipping)
            passed_by_none = _is_passed_by_none(term, clipping, ahead, drawn[0])
            if not passed_by_none and not _leaves_one_value(clipping):
                # A capacity or free bits: at other heads, and later in a training, it lets the KL through.
                clip, large = Origin(clipping.name, place), _where_large(term, drawn)
                if large is not None:
                    why = "it is clipped where the KL is small: free bits, a capacity or the like"
                    return KLMeasured(large[0], None, origin, why, in_loss=True, sign=large[1])
                return KLMeasured(None, None, clip, "it is clipped at the heads that were drawn")
            how = "which no value of the KL passes" if passed_by_none else "with two equal bounds"
            origin = Origin(f"{clipping.name} {how}", place)
        return KLMeasured(None, None, origin, "the loss does not change with the heads", in_loss=False)
    return replace(_identified(term, ahead, drawn, origin, with_values), in_loss=True)


def _is_read(drawn: list[Drawn]) -> bool:
    return all(each.flat for each in drawn) or fit(drawn, False) is not None


def _of_positive_head(term: Term) -> tuple[Term, list[Drawn]] | None:
    """The term at heads for std that are all positive, where it is a KL there alone: of a variance or a std."""
    anew = replace(term, positive=True)
    drawn = [each for each in anew.drawn((1, 2)) if each is not None]
    fitted = fit(drawn, True) if len(drawn) == 2 and not any(each.flat for each in drawn) else None
    return None if fitted is None or not prior_head(fitted[0]) else (anew, drawn)


def _identified(term: Term, ahead: Set[int], drawn: list[Drawn], origin: Origin, with_values: bool) -> KLMeasured:
    """Which KL a term is whose gradients at several heads were `drawn`."""
    positive = term.positive
    fitted = fit(drawn, positive)
    if fitted is not None:
        parametrisation, is_reversed, weight = fitted
        points = assumed(parametrisation, positive=positive)
        if with_values and not _same_at_any_size(term, drawn[0], parametrisation, is_reversed, weight):
            form, far = KLForm(parametrisation, points, (), is_reversed), _where_large(term, drawn)
            why = "its weight changes with its size: free bits, a capacity or the like"
            return KLMeasured(form, None, origin, why, sign=None if far is None else far[1])
        values = _values(term, parametrisation, is_reversed, weight) if with_values else ()
        return KLMeasured(KLForm(parametrisation, points, values, is_reversed), weight, origin)
    if fit([each.swapped for each in drawn], False) is not None:
        return KLMeasured(None, None, origin, "it takes mu for the head for std, and that for mu", swapped=True)
    why = _another_prior(term, ahead)
    to_another = _to_another_prior(term, origin, why) if why else None
    if to_another is not None and to_another.form is not None:
        return to_another
    # A KL to N(m, v) is 1 / v times one to N(0, 1) where it is large, and there is nothing else beside it.
    large = None if fixed_prior(drawn, positive) else _where_large(term, drawn)
    if large is not None:
        return KLMeasured(large[0], None, origin, _beside_a_large_kl(term, ahead, drawn[0]), sign=large[1])
    if to_another is not None:
        return to_another
    why = _something_else(term, ahead, drawn)
    if why:
        return _estimated(term, drawn[0], KLMeasured(None, None, origin, why))
    kind, is_reversed, weight, _ = nearest_form(drawn[0], positive)
    return KLMeasured(KLForm(None, values=_values(term, kind, is_reversed, weight)), None, origin)


def _where_large(term: Term, drawn: list[Drawn]) -> tuple[KLForm, int] | None:
    """Which KL a term is where the KL is large, whatever it is where that is small, and the sign that it has there."""
    far = [each for each in (_far(term, each) for each in drawn) if each is not None]
    found = fit(far, term.positive) if len(far) == len(drawn) and not any(each.flat for each in far) else None
    if found is None:
        return None
    kind, is_reversed, weight = found
    points = assumed(kind, positive=term.positive)
    return KLForm(kind, points, (), is_reversed), 1 if weight > 0 else -1


def _to_another_prior(term: Term, origin: Origin, why: str) -> KLMeasured:
    """What a term is in which another network or input takes part: the KL to what that makes of it, or `why` not."""
    found = [each for each in term.drawn(range(1, 1 + DRAWS)) if each is not None]
    prior = learned_prior(found, term.positive)
    if prior is None:
        lacks_second = bool(found) and not any(each.by_second.any() for each in found)
        measured = KLMeasured(None, None, origin, why, lacks_second=lacks_second)
        return _estimated(term, found[0], measured) if found else measured
    kind = prior.parametrisation
    points = assumed(kind, positive=term.positive)
    form = KLForm(kind, points, learned=True)
    near = term.gradients(*prior.near(found[0]))
    again = learned_prior([*found[: DRAWS - 1], *([] if near is None else [near])], term.positive)
    if again is None or not math.isclose(again.weight, prior.weight, rel_tol=_LOOSE):
        why = "its weight changes with its size: free bits, a capacity or the like"
        return KLMeasured(form, None, origin, why, prior=prior)
    return KLMeasured(form, prior.weight, origin, prior=prior)


def _estimated(term: Term, drawn: Drawn, found: KLMeasured) -> KLMeasured:
    """`found` with what is known of a KL that a sample estimates, where the reconstruction's error is kept apart."""
    if term.seen.join is None:
        return found
    heads = (drawn.mu, drawn.second)
    estimate = estimate_of(term.tape, term.latent, term.total, term.held, heads, positive=term.positive)
    if estimate is None:
        return found
    alike = estimate.of_prior == estimate.of_posterior
    # What is no density of z at all, as a judge of it, is not opposed to log q.
    opposed = None if estimate.of_prior is None else False if alike else True if estimate.curved else None
    kind, of_prior = estimate.parametrisation, opposed is True and estimate.of_posterior > 0
    density = Density(kind, assumed(kind, positive=term.positive), opposed, of_prior)
    return replace(found, sign=estimate.of_posterior if alike else None, density=density)


def _beside_a_large_kl(term: Term, ahead: Set[int], drawn: Drawn) -> str:
    """What there is beside a term that is a KL only where the KL is large."""
    if not _moved_by_others(term, drawn, _LOOSE):
        return "it is a KL where that is large and not where it is small: free bits"
    by_z = term.seen.graph.between(term.latent.every_z, term.total, term.held) & ahead
    place = _origin(term, by_z or ahead).place
    where = "" if place is None else f", {place}"
    return f"a term that compares the samples with each other, as an MMD does, is added to it{where}"


def held_still(seen: Recognition, latent: Latent, total: int) -> dict[int, Tensor]:
    """The values that stay as recorded: the prediction; z as well, where it reaches the loss through the decoder."""
    tape, graph = seen.run.tape, seen.graph
    held = [] if seen.join is None else list(seen.join.predictions)
    ahead = graph.between(latent.every_z, total, held)
    by_decoder = any(
        tape.values[number].sources == Tape.PARAMETER
        for step in tape.steps
        if any(output in ahead for output in step.outputs)
        for number in step.inputs
    )
    if by_decoder:
        held += latent.every_z
    return {number: tape.values[number].data for number in held}


def _weights_of_zero(tape: Tape, ahead: Set[int]) -> list[Step]:
    """The steps by which the term is multiplied by a constant 0."""
    found = []
    for step in tape.steps:
        if step.name.rstrip("_") != "mul" or not any(n in ahead for n in step.outputs):
            continue
        numbers = [a for a in step.args if isinstance(a, (int, float))]
        numbers += [
            float(tape.values[n].data) for n in step.inputs if n not in ahead and tape.values[n].tensor.numel() == 1
        ]
        if 0 in numbers:
            found.append(step)
    return found


def _clipping(term: Term, ahead: Set[int]) -> Step | None:
    """The step at which the gradient of the term ends because its value lies beyond a bound, if that is why it ends."""
    heads = term.draw(
        1, {n: torch.promote_types(term.tape.values[n].tensor.dtype, torch.float32) for n in _heads(term)}
    )

    def moves(number: int) -> bool:
        found = replace(term, total=number).gradients(*heads)
        return found is not None and not found.flat

    for step in term.tape.steps:
        if step.name.rstrip("_") in _CLIPPING and any(n in ahead for n in step.outputs):
            clipped = next((n for n in step.inputs if n in ahead), None)
            if clipped is not None and moves(clipped) and not moves(step.outputs[0]):
                return step
    return None


def _heads(term: Term) -> tuple[int, int]:
    return term.mu, term.second


def _leaves_one_value(step: Step) -> bool:
    """Whether a clamp has the same number for both of its bounds."""
    bounds = [each for each in (*step.args[1:], *step.kwargs.values()) if isinstance(each, (int, float))]
    return step.name.rstrip("_") == "clamp" and len(bounds) == 2 and bounds[0] == bounds[1]


def _is_passed_by_none(term: Term, step: Step, ahead: Set[int], drawn: Drawn) -> bool:
    """Whether a clip by one bound, a number that stands beside it, stops a KL near 0, a large one and all between."""
    bounds = [each for each in (*step.args[1:], *step.kwargs.values()) if isinstance(each, (int, float))]
    beside = [term.tape.values[number] for number in step.inputs if number not in ahead]
    if any(value.tensor.numel() != 1 for value in beside):
        return False
    bounds += [float(value.data) for value in beside]
    if len(bounds) > 1 or not all(is_written(step, each) for each in bounds):
        return False
    prior = 1.0 if term.positive else 0.0
    sizes = (term.gradients(0.02 * drawn.mu, prior + 0.02 * (drawn.second - prior)), _far(term, drawn))
    return all(each is not None and each.flat for each in sizes)


def _encoded_again(term: Term) -> bool:
    """Whether the loss follows from input and parameters by a way that touches neither heads nor prediction."""
    tape = term.tape
    cut = {*term.held, *(n for latent in term.seen.latents for n in (*latent.heads, *latent.every_z))}
    both = Tape.INPUT | Tape.PARAMETER
    before = term.seen.graph.ancestors(term.total, without={n for n in cut if n is not None}) - {term.total}
    after = term.seen.graph.descendants({n for n in cut if n is not None})
    return any(tape.values[n].sources & both == both and n not in after for n in before)


def _origin(term: Term, ahead: Set[int]) -> Origin:
    """The last step on the way that still has one number per latent: where the KL is written.

    Values with noise that the heads do not have may be those of an error; what a head has is that of earlier steps.
    """
    tape = term.tape
    on = ahead - {term.mu, term.second}
    size = tape.values[term.mu].tensor.numel()
    earlier = tape.values[term.mu].sources | tape.values[term.second].sources
    large = {n for n in on if tape.values[n].tensor.numel() >= size and not (tape.values[n].sources & ~earlier) >> 2}
    steps = [step for step in tape.steps if not large.isdisjoint(step.outputs)]
    if not steps:
        return origin_of(tape, term.total, term.seen.loss.name)
    return Origin(term.seen.loss.name, place_of(steps[-1]))


def _same_at_any_size(term: Term, drawn: Drawn, kind: Parametrisation, is_reversed: bool, weight: float) -> bool:
    """Whether a KL near zero and a large one weigh the same."""
    prior = prior_head(kind)
    near = term.gradients(0.02 * drawn.mu, prior + 0.02 * (drawn.second - prior))
    sizes = [each for each in (near, _far(term, drawn)) if each is not None]
    weights = [0.0 if each.flat else weight_of(each, kind, is_reversed) for each in sizes]
    return all(other is None or math.isclose(weight, other, rel_tol=_LOOSE) for other in weights)


def _far(term: Term, drawn: Drawn) -> Drawn | None:
    """The gradients where every latent's KL is large."""
    return term.gradients(20.0 * drawn.mu + 6.0 * torch.sign(drawn.mu), drawn.second)


# ---------------------------------------------------------------------------------------- what else it is


def _another_prior(term: Term, ahead: Set[int]) -> str:
    """What else takes part in a term, as another prior would; empty where nothing does."""
    known = {*ahead, *term.held, term.mu, term.second}
    made = ahead - {term.mu, term.second}
    for step in term.tape.steps:
        if not any(n in made for n in step.outputs):
            continue
        if _takes_a_network(term, step, known):
            return "parameters of the model take part in it: a learned prior, or another network"
        if _takes_an_input(term, step, known):
            return "an input takes part in it: a prior that depends on it, or a mask"
    return ""


def _something_else(term: Term, ahead: Set[int], drawn: list[Drawn]) -> str:
    """Why a term that fits no closed form is no KL to N(0, I) gone wrong; empty when it is a sum over the latents."""
    made = ahead - {term.mu, term.second}
    if any(number in term.held for number in term.latent.every_z):
        return "z takes part in it through the decoder or another network"
    bent = _bent(term, made)
    if bent is not None:
        return (
            f"{bent.name} is taken of what is summed over the latents, as in a bound of several samples: no sum of KLs"
        )
    prior = fixed_prior(drawn, term.positive)
    if prior is not None:
        return f"it is the KL to N({prior[0]:.3g}, {prior[1]:.3g}), a prior that was chosen"
    first = drawn[0]
    if has_another_prior(term.tape, term.latent, term.total, term.held, (first.mu, first.second), term.positive):
        return "it is a KL that z estimates, to a prior that was chosen and is not normal"
    *_, left = nearest_form(first, term.positive)
    if _moved_by_others(term, first, 0.1 * left):
        return "the term of one latent depends on other latents or other samples: it is no sum over the latents"
    return ""


def _takes_a_network(term: Term, step: Step, known: Set[int]) -> bool:
    """Whether a step takes what follows from parameters by another way than the heads.

    What follows from noise as well does so only where there still is one number per latent, as a prior made of earlier
    samples: the error of the reconstruction, to which the term is added, follows from both. Nor does what is added
    to the term once it has been summed: its slope by the heads is the same with it.
    """
    tape = term.tape
    size = tape.values[term.mu].tensor.numel()
    several = size > term.seen.batch
    apart = several and all(tape.values[n].tensor.numel() >= size for n in step.outputs)
    if several and not apart and step.name.rstrip("_") in _ADDING:
        return False
    others = [n for n in step.inputs if n not in known and tape.values[n].sources & Tape.PARAMETER]
    return any(_is_of_a_network(term, n) for n in others if apart or not tape.drawn(n))


def _is_of_a_network(term: Term, number: int) -> bool:
    """Whether parameters take part in a value by another way than through the values that are held still."""
    values = term.tape.values
    before = term.seen.graph.ancestors(number, without=term.held)
    return any(values[n].step is None and values[n].sources & Tape.PARAMETER for n in before)


def _takes_an_input(term: Term, step: Step, known: Set[int]) -> bool:
    """Whether a step that still has one number per latent takes what follows from an input by another way."""
    tape = term.tape
    size = tape.values[term.mu].tensor.numel()
    if size <= term.seen.batch or any(tape.values[n].tensor.numel() != size for n in step.outputs):
        return False
    return any(tape.values[n].sources & Tape.INPUT and not tape.drawn(n) for n in step.inputs if n not in known)


def _bent(term: Term, made: Set[int]) -> Step | None:
    """The first step that takes a function that is not linear of what has been summed over the latents already."""
    values = term.tape.values
    size = values[term.latent.z].tensor.numel()
    summed: set[int] = set()
    for step in term.tape.steps:
        if not any(n in made for n in step.outputs):
            continue
        taken = [n for n in step.inputs if n in summed and values[n].tensor.numel() < size]
        name = step.name.rstrip("_")
        bends = taken and name not in _LINEAR and not is_layout(step)
        if bends and not (name in _IDENTITY_ABOVE_ZERO and _is_never_negative(term, taken[0])):
            return step
        largest = max((values[n].tensor.numel() for n in step.inputs if n in made), default=0)
        if not summed.isdisjoint(step.inputs) or (
            not is_layout(step) and any(values[n].tensor.numel() < largest for n in step.outputs)
        ):
            summed.update(step.outputs)
    return None


def _is_never_negative(term: Term, number: int) -> bool:
    """Whether a value that was summed over the latents is 0 or more, at the prior and at the heads that are drawn."""
    single = {n: torch.promote_types(term.tape.values[n].tensor.dtype, torch.float32) for n in (term.mu, term.second)}
    prior = prior_head(Parametrisation.STD if term.positive else Parametrisation.LOGVAR)
    heads = [term.draw(seed, single) for seed in (1, 2)]
    heads.append((in_single(term.like(term.mu, 0.0)), in_single(term.like(term.second, prior))))
    found = [replay(term.tape, term.chosen(*each, 1.0), (number,))[number] for each in heads]
    return all(bool((each >= -_ROUNDING).all()) for each in found)


def _moved_by_others(term: Term, first: Drawn, close: float) -> bool:
    """Whether the gradient at one element changes, by more than `close` relatively, when all the others do."""
    mu, second = first.mu * 0.5 + 0.11, first.second * 0.5 + (0.5 if term.positive else 0.17)
    mu.view(-1)[0], second.view(-1)[0] = first.mu.view(-1)[0], first.second.view(-1)[0]
    other = term.gradients(mu, second)
    if other is None:
        return True
    pairs = ((first.by_mu, other.by_mu), (first.by_second, other.by_second))
    size = max(float(gradient.view(-1)[0].abs()) for gradient, _ in pairs) or 1.0
    return any(float((a.view(-1)[0] - b.view(-1)[0]).abs()) > max(close, _ROUNDING) * size for a, b in pairs)


def _values(
    term: Term, kind: Parametrisation, is_reversed: bool, weight: float
) -> tuple[tuple[float, float, float, float], ...]:
    """(mu, s, value of the term, KL(q || p)) for one latent, in units of the closed form, both counted from the prior.

    A constant in a loss has no effect, and a term that shares its loss with others has none that could be separated.
    """
    count = term.tape.values[term.mu].tensor.numel()
    prior = prior_head(kind)
    base = term.value(0.0, prior)
    return tuple(
        (mu, s, (term.value(mu, s) - base) / (count * weight), gaussian_kl(mu, std_at(kind, s)))
        for mu, s in (_AT_POSITIVE if prior else _AT)
    )
