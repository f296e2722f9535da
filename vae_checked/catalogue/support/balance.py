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
