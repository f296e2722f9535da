"""VAE301: the KL of no parametrisation."""

from __future__ import annotations

import re

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.support.formula import NOT_GAUSSIAN, beside_closed_form, is_no_kl
from vae_checked.catalogue.support.names import HEAD, names_of
from vae_checked.catalogue.support.readings import reading
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, lacking, left_to
from vae_checked.facts import Facts, Family, Parametrisation
from vae_checked.finding import Severity
from vae_checked.mathematics.names import Role, likely_role_of, reading_of

_CATEGORICAL = {
    "of": "the KL of a categorical: 1 / K stands in it where log(1 / K) is meant, so that it is not 0 at the prior",
    "remedy": "kl = torch.sum(q * (torch.log(q) - math.log(1 / K)), dim=-1)",
}
# Of the posterior q, whose heads are m and s, and the prior p, whose heads are n and t.
_OF_TWO = {
    Parametrisation.LOGVAR: "0.5 * ({t} - {s} + ({s}.exp() + ({m} - {n}).pow(2)) / {t}.exp() - 1)",
    Parametrisation.LOG_STD: "{t} - {s} + ((2 * {s}).exp() + ({m} - {n}).pow(2)) / (2 * (2 * {t}).exp()) - 0.5",
    Parametrisation.STD: "({t} / {s}).log() + ({s}.pow(2) + ({m} - {n}).pow(2)) / (2 * {t}.pow(2)) - 0.5",
    Parametrisation.VAR: "0.5 * (({t} / {s}).log() + ({s} + ({m} - {n}).pow(2)) / {t} - 1)",
}
_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*\b(?!\s*[.(]\w*\()|(?<![\w.])[A-Za-z_]\w*(?=\.(?:exp|pow|log|square)\()")


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
    if not is_no_kl(facts):
        return Undecided(reason=NOT_GAUSSIAN)
    names = names_of(facts)
    remedy = f"{names.kl} = {_of_two(facts, form.origin.source)}" if form.value.learned else names.kl_anew
    head = names.head
    pair = "the KL of two Gaussians" if form.value.learned else "the KL to N(0, I)"
    values = {"of": f"{pair}, whether {head} is a log variance, log std, std or variance", "remedy": remedy}
    return Found(Evidence(origin=form.origin, values={**beside_closed_form(form.value), **values}))


def _of_two(facts: Facts, written: str) -> str:
    """The KL of two Gaussians as the formula calls their heads, or else of those that the sampler draws with."""
    means = _pair(written, Role.MU, facts.names.get("mu"))
    seconds = _pair(written, Role.SECOND, facts.names.get("second"))
    called = None if seconds is None else reading_of(seconds[0])
    read_as = called or reading(facts) or Parametrisation.STD
    m, n = means or ("mu_q", "mu_p")
    s, t = seconds or (f"{HEAD[read_as]}_q", f"{HEAD[read_as]}_p")
    formula = _OF_TWO[read_as].format(m=m, n=n, s=s, t=t)
    return formula if means and seconds else f"{formula}, q the posterior"


def _pair(written: str, role: Role, own: str | None) -> tuple[str, str] | None:
    """The names that a formula has for this head of the posterior and of the prior; None where these are not two."""
    names = {name for name in _NAME.findall(written) if likely_role_of(name) is role}
    if len(names) != len(("posterior", "prior")):
        return None
    one, other = sorted(names)
    if own in names:
        return (one, other) if own == one else (other, one)
    # As papers call them: p and q.
    return (other, one) if (one[-1], other[-1]) == ("p", "q") and one[:-1] == other[:-1] else None


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
    fix="{remedy}",
    bad=edit(("mu.pow(2) - logvar.exp(), dim=1)", "mu.pow(2) - logvar.exp().pow(2), dim=1)  # VAE301")),
    good=EXAMPLE,
    references=("Kingma and Welling 2014, appendix B, https://arxiv.org/abs/1312.6114",),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
)
