"""How the terms of a loss are reduced, and what weight of the KL the reductions make."""

from __future__ import annotations

import math

from vae_checked.facts import Facts, Reduced, Reduction


def wrong_axes(reduced: Reduced) -> bool:
    """Whether a term is reduced over the batch where it should be over a sample's axes, or over some of these only.

    Batch mean and sample sum may be taken in either order; a mean over everything is a question of balance.
    """
    return not reduced.explicit and _misreduced(reduced)


def _misreduced(reduced: Reduced) -> bool:
    exchanged = reduced.batch is Reduction.SUM and reduced.event in (Reduction.MEAN, Reduction.KEPT)
    unfinished = reduced.batch is Reduction.MEAN and reduced.event is Reduction.KEPT
    return exchanged or unfinished or reduced.event is Reduction.MIXED


def settled(facts: Facts, recon: Reduced, kl: Reduced) -> bool:
    """Whether the balance of the terms is chosen, by a name or a count, or the reductions cancel.

    Terms that are reduced over the wrong axes have a code of their own, and no balance to speak of.
    """
    if any(term.explicit or wrong_axes(term) for term in (recon, kl)):
        return True
    return (facts.kl.factor is not None and facts.kl.factor.value.explicit) or _cancels(facts)


def batch_settled(facts: Facts, recon: Reduced, kl: Reduced) -> bool:
    """Whether what scales the terms may make up for a sum over the batch beside a mean: a count, an unknown weight.

    A number cannot: it balances the terms at one batch size.
    """
    counted = any((term.explicit and not term.constant) or _misreduced(term) for term in (recon, kl))
    return counted or _cancels(facts)


def batch_power(kl: Reduced, recon: Reduced) -> int | None:
    """The power of the batch size in the weight of the KL against the reconstruction; None where it is not known."""
    if kl.batch is Reduction.KEPT and recon.batch is Reduction.KEPT:
        return recon.over_batch - kl.over_batch
    if kl.batch_divisions is None or recon.batch_divisions is None:
        return None
    return recon.batch_divisions - kl.batch_divisions


def over_batch(reduced: Reduced) -> str:
    """What becomes of the batch axis of a term, in words."""
    name = "left as it is" if reduced.batch is Reduction.KEPT else f"a {reduced.batch}"
    if reduced.over_batch == 0:
        return name
    times = "" if abs(reduced.over_batch) == 1 else f" {abs(reduced.over_batch)} times"
    again = " once more" if reduced.batch is Reduction.MEAN and reduced.over_batch == 1 else times
    return f"{name} {'divided' if reduced.over_batch > 0 else 'multiplied'} by the batch size{again}"


def _cancels(facts: Facts) -> bool:
    beta = facts.objective.effective_beta
    return beta is not None and beta.value.value is not None and math.isclose(beta.value.value, 1.0, rel_tol=0.01)


def stated(facts: Facts, otherwise: str) -> str:
    """The effective beta with the sizes that make it, or `otherwise` where it has no number."""
    beta = facts.objective.effective_beta
    if beta is None or beta.value.value is None:
        return otherwise
    sizes = ", ".join(f"{name} {size:g}" for name, size in beta.value.factors)
    return f"{beta.value.value:.4g} ({sizes})" if sizes else f"{beta.value.value:.4g}"
