"""VAE301: the KL of no parametrisation."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.support.formula import NOT_GAUSSIAN, beside_closed_form
from vae_checked.catalogue.support.names import names_of
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, lacking, left_to
from vae_checked.facts import Facts, Family, NoiseLaw
from vae_checked.finding import Severity

_CATEGORICAL = {
    "of": "the KL of a categorical: 1 / K stands in it where log(1 / K) is meant, so that it is not 0 at the prior",
    "remedy": "torch.sum(q * (torch.log(q) - math.log(1 / K)), dim=-1)",
}
# q is the posterior, p the prior.
_OF_TWO = "(std_p / std_q).log() + (std_q.pow(2) + (mu_q - mu_p).pow(2)) / (2 * std_p.pow(2)) - 0.5, q the posterior"


def judge(facts: Facts) -> Verdict:
    """Found where a KL agrees with the closed form of no parametrisation, or a categorical one not with its own."""
    form = facts.kl.form
    if form is None:
        return lacking(facts, "kl.form")
    if form.value.reversed:
        return left_to("VAE306")
    if form.value.offset:
        return Found(Evidence(origin=form.origin, values={**beside_closed_form(form.value), **_CATEGORICAL}))
    if form.value.parametrisation is not None or form.value.family is not Family.GAUSSIAN:
        return Clean()
    noise = facts.sampler.noise
    if noise is not None and noise.value.law is NoiseLaw.OTHER:
        return Undecided(reason=NOT_GAUSSIAN)
    remedy = _OF_TWO if form.value.learned else names_of(facts).kl_formula
    head = names_of(facts).head
    pair = "the KL of two Gaussians" if form.value.learned else "the KL to N(0, I)"
    values = {"of": f"{pair}, whether {head} is a log variance, log std, std or variance", "remedy": remedy}
    return Found(Evidence(origin=form.origin, values={**beside_closed_form(form.value), **values}))


MISTAKE = Mistake(
    code="VAE301",
    name="kl-formula",
    severity=Severity.ERROR,
    summary="The KL term is not the KL to N(0, I), whichever of log variance, log std, std or variance the head is.",
    why=(
        "A square or a 1/2 is missing on one of its terms, or two parametrisations are mixed. Its minimum is not at "
        "the prior: the posterior is drawn to another mean or width than the N(0, I) that generation samples from, "
        "and the term may become negative."
    ),
    symptoms=("kl-is-negative", "other-results", "std-is-odd", "samples-are-noise"),
    said=("error in the KL", "missing a square", "missing 1/2", "the KL formula is wrong"),
    message="this is not {of}",
    evidence=(
        "at {called.mu} = {points:x} and {called.head} = {points:y} it is {found:y}; "
        "the nearest closed form is {closed:y}"
    ),
    fix="{called.kl} = {remedy}",
    bad=edit(("mu.pow(2) - logvar.exp(), dim=1)", "mu.pow(2) - logvar.exp().pow(2), dim=1)  # VAE301")),
    good=EXAMPLE,
    references=("Kingma and Welling 2014, appendix B, https://arxiv.org/abs/1312.6114",),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
)
