"""VAE303: the KL is off by a lost or doubled 1/2."""

from __future__ import annotations

import math

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.balance import is_chosen, weighted
from vae_checked.catalogue.support.edits import halved_term
from vae_checked.catalogue.support.example import edit
from vae_checked.catalogue.support.names import names_of
from vae_checked.catalogue.support.own_error import loss_in_words
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, Weighted, lacking, left_to
from vae_checked.facts import Facts, Likelihood, Origin
from vae_checked.finding import Severity

# Losses that are a log-likelihood as they stand. A squared error leaves its variance open, and with it the factor:
# beside a sum of squares without its 1/2, twice the KL is the ELBO of unit variance, doubled.
_LIKELIHOODS = frozenset(
    (
        Likelihood.BCE,
        Likelihood.BCE_WITH_LOGITS,
        Likelihood.CROSS_ENTROPY,
        Likelihood.DENSITY,
        Likelihood.GAUSSIAN_NLL,
        Likelihood.POISSON,
    )
)
_GOOD = edit(
    ("return torch.sigmoid(self.decoder(z)).view", "return self.decoder(z).view"),
    ("F.mse_loss(x_hat, x", "F.binary_cross_entropy_with_logits(x_hat, x"),
)


def judge(facts: Facts) -> Verdict:
    """Found where the KL lacks its half, or has it twice: in a term that is handed out as the KL itself, and beside a
    likelihood whose scale is fixed."""
    factor, kind = facts.kl.factor, facts.recon.kind
    if factor is None:
        return lacking(facts, "kl.factor", "recon.kind")
    if factor.value.times > 1 and not math.isclose(factor.value.value, 1.0, rel_tol=0.01):
        values = {
            "what": f"is added to the loss {factor.value.times} times",
            "factor": factor.value.value,
            "remedy": "add it once, with a weight that has a name where it is to count for more",
        }
        return Found(Evidence(factor.origin, values, mendable=False))
    if factor.value.explicit:
        return weighted() if facts.kl.reduced is None else weighted(facts.kl.reduced.value)
    value = factor.value.value
    if math.isclose(value, 1.0, rel_tol=0.01):
        return Clean()
    if is_chosen(value):
        return Weighted(f"a constant of {value:.4g}")
    if facts.kl.form is not None and facts.kl.form.value.reversed:
        return left_to("VAE306")
    if factor.value.claimed:
        return _off_by(value, factor.origin, facts)
    if kind is None:
        return lacking(facts, "recon.kind")
    if kind.value not in _LIKELIHOODS:
        return Undecided(
            reason=f"next to {loss_in_words(facts)}, whose own variance is open, a factor of {value:.4g} may be meant"
        )
    return _off_by(value, factor.origin, facts)


def _off_by(value: float, origin: Origin, facts: Facts) -> Found:
    what = f"term is {value:.4g} times the KL divergence, and no name says so"
    names, form = names_of(facts), facts.kl.form
    # Whoever has a prior of their own has written its KL: the closed form to N(0, I) would be another.
    own = form is not None and form.value.learned
    remedy = f"{names.kl} as the KL to the prior itself, {1 / value:.4g} times what it is" if own else names.kl_anew
    values = {"what": what, "factor": value, "remedy": remedy}
    return Found(Evidence(origin, values, mendable=value > 1.0))


MISTAKE = Mistake(
    code="VAE303",
    name="kl-scale",
    severity=Severity.WARNING,
    summary="The KL carries a constant factor that nobody named: a lost or a doubled 1/2.",
    why=(
        "Without its 1/2 the KL weighs twice, so that a stated beta = 1 is a beta of 2. A weight that is written as "
        "one, by a name or as a number of its own, is intent and no finding, whether the KL has its 1/2 or not: a beta "
        "of 4 was chosen by what it does. So is any factor where the "
        "reconstruction is a squared error: it stands for the variance of the likelihood, which the author may "
        "choose. A distribution's own method that is called the KL divergence promises exactly that: there any such "
        "factor is wrong."
    ),
    symptoms=("unbalanced", "other-results"),
    said=("missing 1/2 in the KL", "missing 0.5", "factor 2 in the KL"),
    message="the KL {what}",
    evidence="constant factor: {factor}; the effective beta is multiplied by it",
    fix="{remedy}",
    bad=edit(
        ("kl = -0.5 * torch", "kl = -torch"),
        ("mu.pow(2) - logvar.exp(), dim=1)", "mu.pow(2) - logvar.exp(), dim=1)  # VAE303"),
        text=_GOOD,
    ),
    good=_GOOD,
    references=(
        "Kingma and Welling 2014, appendix B, https://arxiv.org/abs/1312.6114",
        "Higgins and others 2017, section 2, https://openreview.net/forum?id=Sy2fzU9gl",
    ),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
    fixer=halved_term,
)
