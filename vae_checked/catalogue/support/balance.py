"""How the terms of a loss are reduced, and what weight of the KL the reductions make."""

from __future__ import annotations

import math
from collections.abc import Iterable

from vae_checked.catalogue.verdict import Clean, Undecided, Verdict, Weighted, left_to
from vae_checked.facts import Fact, Facts, Reduced, Reduction
from vae_checked.mathematics.effective_beta import batch_power, elements, latents, rendered
from vae_checked.text import in_short

_WHOLE = frozenset({Reduction.SUM, Reduction.MEAN})
# A lost 1/2 doubles the KL, a doubled or tripled one halves it again; any other constant was chosen by somebody.
LOST_HALVES = (2.0, 0.5, 0.25)
# The codes of wrong axes in the reconstruction and in the KL.
_AXES = ("VAE501", "VAE304")


def wrong_axes(reduced: Reduced) -> bool:
    """Whether a term is reduced over the batch where it should be over a sample's axes, or over some of these only.

    Batch mean and sample sum may be taken in either order; a mean over everything is a question of balance.
    """
    return not reduced.explicit and _misreduced(reduced)


def _misreduced(reduced: Reduced) -> bool:
    """As `wrong_axes`, whatever scales the term.

    Axes that are kept are reduced by whoever is handed the term, or have one entry: nothing else can be differentiated.
    """
    exchanged = reduced.batch is Reduction.SUM and reduced.event is Reduction.MEAN
    return exchanged or reduced.event is Reduction.MIXED


def exchanged_alike(facts: Facts) -> Undecided | None:
    """The verdict on both terms where each is a mean over a sample's axes and a sum over the batch: no one stands out.

    That a mean of each sample's elements weighs as many as there are is asked as a question of balance.
    """
    terms = [fact.value for fact in (facts.recon.reduced, facts.kl.reduced) if fact is not None]
    if len(terms) < 2 or any((term.batch, term.event) != (Reduction.SUM, Reduction.MEAN) for term in terms):
        return None
    return Undecided(reason="both terms are means over a sample's axes and sums over the batch")


def balanced_by_weight(facts: Facts, error: Reduced) -> Weighted | None:
    """The verdict on an error that is a sum over some axes of a sample and a mean over the others, as over the batch.

    That is the sum over all of them, divided by a number, which a weight of the KL that somebody chose makes up for.
    """
    kl, factor = facts.kl.reduced, facts.kl.factor
    if kl is None or (error.batch, error.event, kl.value.event) != (Reduction.MEAN, Reduction.MIXED, Reduction.SUM):
        return None
    chosen = factor is not None and factor.value.value != 0.0 and is_chosen(factor.value.once)
    return weighted(kl.value) if kl.value.explicit or chosen else None


def weighted(*terms: Reduced) -> Weighted:
    """The verdict on a balance that is settled by what scales `terms`, as it is written where that is known."""
    written = dict.fromkeys(name for term in terms for name in term.weights)
    return Weighted(", ".join(written) or "a named weight, a number of its own or a count")


def right_axes(term: Fact[Reduced], name: str) -> Verdict:
    """The verdict on a term that is not seen to be reduced over wrong axes: clean where both of its axes are known."""
    reduced = term.value
    if _misreduced(reduced):
        return weighted(reduced)
    if reduced.event is Reduction.SUM or (reduced.event is Reduction.MEAN and reduced.batch is not None):
        return Clean()
    if reduced.event is Reduction.KEPT and reduced.batch is Reduction.KEPT:
        return Undecided(reason=f"{_written(name, term)} is not reduced where it was seen")
    axes = "a sample's axes" if reduced.event in (None, Reduction.KEPT) else "the batch"
    return _not_known([(name, term)], axes)


def _not_known(terms: Iterable[tuple[str, Fact[Reduced] | None]], axes: str) -> Undecided:
    """Undecided because it was not read how terms are reduced."""
    named = [_written(name, term) for name, term in terms]
    return Undecided(
        reason=f"how {' and '.join(named)} {'is' if len(named) == 1 else 'are'} reduced over {axes} is not known"
    )


def _written(name: str, term: Fact[Reduced] | None) -> str:
    """`the KL (-0.5 * torch.sum(...) at model.py:42)`, as far as that is known."""
    if term is None or term.origin.place is None:
        return name
    source = in_short(term.origin.source)
    return f"{name} ({source} at {term.origin.place})" if source else f"{name} at {term.origin.place}"


def settled(facts: Facts, recon: tuple[Reduced, Reduction], kl: tuple[Reduced, Reduction]) -> Verdict | None:
    """The verdict on a balance over a sample's axes; None where the terms stand as the mistake has them.

    Each term comes with the reduction that the mistake gives it. A term that is reduced otherwise, and scaled by
    nothing, rules the mistake out; a weight or a count settles it; reductions over wrong axes have a code of their own,
    and no balance to speak of.
    """
    if (off := _without_kl(facts)) is not None:
        return off
    terms = (recon, kl)
    if any(term.event in _WHOLE and term.event is not mistaken and not term.explicit for term, mistaken in terms):
        return Clean()
    if any(term.explicit for term, _ in terms):
        return weighted(*(term for term, _ in terms))
    factor = facts.kl.factor
    if factor is not None and (factor.value.explicit or is_chosen(factor.value.once)):
        # A number of its own is one wherever it stands: before the KL in the loss, or in the term that is the KL.
        return weighted(*(term for term, _ in terms))
    for (term, _), code in zip(terms, _AXES, strict=True):
        if wrong_axes(term):
            return left_to(code)
    unread = [each for each, (term, mistaken) in zip(_terms(facts), terms, strict=True) if term.event is not mistaken]
    if unread:
        return _not_known(unread, "a sample's axes")
    return Clean() if _cancels(facts) or _is_over_one(facts) else None


def batch_settled(facts: Facts, recon: Reduced, kl: Reduced) -> Verdict | None:
    """The verdict on a balance over the batch; None where one term is a sum over it and the other a mean.

    What scales a term may make up for that: a count, an unknown weight. A number cannot: it balances the terms at one
    batch size. What is called the weight of the KL cannot either where nothing but the batch is left to balance.
    """
    if (off := _without_kl(facts)) is not None:
        return off
    only_batch = _is_divided_again(recon) or _is_divided_again(kl) or recon.event is kl.event is Reduction.SUM
    for term, code in zip((recon, kl), _AXES, strict=True):
        tuned = term.constant or (term.as_kl and only_batch)
        if term.explicit and (not tuned or _misreduced(term)):
            return weighted(term)
        if wrong_axes(term):
            return left_to(code)
    power = batch_power(kl, recon)
    if power is None:
        of_terms = zip(_terms(facts), (recon, kl), strict=True)
        return _not_known([each for each, term in of_terms if term.batch_divisions is None], "the batch")
    return Clean() if power == 0 or _cancels(facts) else None


def _terms(facts: Facts) -> tuple[tuple[str, Fact[Reduced] | None], ...]:
    return ("the reconstruction", facts.recon.reduced), ("the KL", facts.kl.reduced)


def _without_kl(facts: Facts) -> Verdict | None:
    """No balance is to be asked of a KL that counts nothing."""
    factor = facts.kl.factor
    return Undecided(reason="the KL is multiplied by 0") if factor is not None and factor.value.value == 0.0 else None


def _is_divided_again(reduced: Reduced) -> bool:
    """Whether a mean over the batch is divided by the batch size."""
    return reduced.batch is Reduction.MEAN and reduced.over_batch > 0


def over_batch(reduced: Reduced) -> str:
    """What becomes of the batch axis of a term, in words."""
    name = "left as it is" if reduced.batch is Reduction.KEPT else f"a {reduced.batch}"
    if reduced.over_batch == 0:
        return name
    times = "" if abs(reduced.over_batch) == 1 else f" {abs(reduced.over_batch)} times"
    again = " once more" if reduced.batch is Reduction.MEAN and reduced.over_batch == 1 else times
    return f"{name} {'divided' if reduced.over_batch > 0 else 'multiplied'} by the batch size{again}"


def _is_over_one(facts: Facts) -> bool:
    """Whether a sample has one element, or one latent, where it is averaged: that mean is the sum."""
    beta = facts.objective.effective_beta
    sizes = {elements(None).name, latents(None).name}
    return beta is not None and any(factor.name in sizes and factor.value == 1.0 for factor in beta.value.factors)


def is_chosen(factor: float) -> bool:
    """Whether somebody chose a constant of the KL: it is neither 1 nor a 1/2 that was lost or doubled."""
    return not any(math.isclose(factor, known, rel_tol=0.01) for known in (1.0, *LOST_HALVES))


def _cancels(facts: Facts) -> bool:
    beta = facts.objective.effective_beta
    return beta is not None and beta.value.value is not None and math.isclose(beta.value.value, 1.0, rel_tol=0.01)


def stated(facts: Facts, otherwise: str) -> str:
    """The effective beta with the sizes that make it, or `otherwise` where it is not known."""
    beta = facts.objective.effective_beta
    return otherwise if beta is None else rendered(beta.value)
