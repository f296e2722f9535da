"""VAE306: the KL from the prior to the posterior."""

from __future__ import annotations

import ast

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.edits import Edit, exchanged_arguments
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.support.formula import beside_closed_form
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, lacking, left_to
from vae_checked.facts import Facts, Family
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where the KL is the one from the prior to the posterior."""
    form = facts.kl.form
    if form is None:
        return lacking(facts, "kl.form")
    if form.value.reversed:
        return Found(Evidence(origin=form.origin, values=beside_closed_form(form.value)))
    if form.value.parametrisation is None and form.value.family is Family.GAUSSIAN:
        return left_to("VAE301")
    if form.value.reversed is None:
        return Undecided(reason="which of the two learned Gaussians is the posterior is not known")
    return Clean()


def _exchanged(node: ast.expr, lines: list[str]) -> list[Edit]:
    """A divergence of torch's gets its arguments the other way round; a formula by hand has more to be changed."""
    called = getattr(getattr(node, "func", None), "attr", getattr(getattr(node, "func", None), "id", ""))
    return exchanged_arguments(node, lines) if called == "kl_divergence" else []


MISTAKE = Mistake(
    code="VAE306",
    name="kl-reversed",
    severity=Severity.ERROR,
    summary="The arguments of the KL are swapped: KL(p(z) || q(z|x)) instead of KL(q(z|x) || p(z)).",
    why=(
        "The two are 0 at the same place and differ everywhere else. The reversed one charges a narrow posterior "
        "without limit (1 / std^2), so that the latents stay wide and the reconstructions blurry, and the loss is "
        "no bound on the likelihood."
    ),
    symptoms=("std-is-odd", "blurry", "other-results"),
    said=("reverse KL", "kl_divergence(prior, posterior)", "arguments of the KL are swapped"),
    message="the KL is taken from the prior to the posterior: its arguments are swapped",
    evidence=(
        "at {called.mu} = {points:x} and {called.head} = {points:y} the term is {found:y}; KL(q || p) is {closed:y}"
    ),
    fix="{called.kl} = torch.distributions.kl_divergence(posterior, prior)",
    bad=edit(
        (
            "kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)",
            "kl = 0.5 * torch.sum((1 + mu.pow(2)) / logvar.exp() - 1 + logvar, dim=1)  # VAE306",
        )
    ),
    good=EXAMPLE,
    references=(
        "Kingma and Welling 2014, equation 3, https://arxiv.org/abs/1312.6114",
        "https://docs.pytorch.org/docs/stable/distributions.html#module-torch.distributions.kl",
    ),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
    fixer=_exchanged,
)
