"""The weight of the KL that the reductions make, for the mistakes that people disagree about in good faith."""

from __future__ import annotations

import math

from vae_checked.facts import Facts


def intended(facts: Facts) -> bool:
    """Whether somebody chose the balance of the terms, by a name or a count, or the reductions cancel."""
    terms = (facts.recon.reduced, facts.kl.reduced)
    if any(term is not None and term.value.explicit for term in terms):
        return True
    if facts.kl.factor is not None and facts.kl.factor.value.explicit:
        return True
    beta = facts.objective.effective_beta
    return beta is not None and beta.value.value is not None and math.isclose(beta.value.value, 1.0, rel_tol=0.01)


def stated(facts: Facts, otherwise: str) -> str:
    """The effective beta with the sizes that make it, or `otherwise` where it has no number."""
    beta = facts.objective.effective_beta
    if beta is None or beta.value.value is None:
        return otherwise
    sizes = ", ".join(f"{name} {size:g}" for name, size in beta.value.factors)
    return f"{beta.value.value:.4g} ({sizes})" if sizes else f"{beta.value.value:.4g}"
