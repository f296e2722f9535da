"""VAE201: the sampler and the KL disagree about the second head."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.edits import halved_exponent
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, lacking
from vae_checked.facts import Facts, Parametrisation
from vae_checked.finding import Severity
from vae_checked.mathematics.gaussians import std_at


def judge(facts: Facts) -> Verdict:
    """Found where the KL reads the second head as something else than the sampler makes std of."""
    std, form = facts.sampler.std, facts.kl.form
    if std is None or form is None:
        return lacking(facts, "sampler.std", "kl.form")
    read_as = form.value.parametrisation
    if read_as is None:
        return Undecided(reason="the KL reads the second head in no way that is known")
    if std.value.parametrisation is read_as:
        return Clean()
    shown = [(s, drawn, _assumed(read_as, s)) for s, drawn in std.value.points]
    return Found(
        Evidence(
            origin=std.origin,
            values={
                "sampler": std.origin.source,
                "meaning": read_as.meaning,
                "formula": read_as.formula,
                "curve": tuple((s, drawn) for s, drawn, assumed in shown if assumed is not None),
                "assumed": tuple((s, assumed) for s, _, assumed in shown if assumed is not None),
            },
            related=((form.origin, "the KL"),),
        )
    )


def _assumed(parametrisation: Parametrisation, s: float) -> float | None:
    """The std that a parametrisation makes of s, None where it makes none of it: the root of a negative number."""
    try:
        return std_at(parametrisation, s)
    except (ValueError, OverflowError):
        return None


MISTAKE = Mistake(
    code="VAE201",
    name="log-std-read-as-logvar",
    severity=Severity.ERROR,
    summary="The sampler and the KL disagree about what the second head means.",
    why=(
        "The KL pulls one distribution towards the prior while the decoder is trained on samples of another: the "
        "posterior has the wrong width, and the loss is no bound on the likelihood. A misleading name that is used "
        "consistently is no mistake."
    ),
    message="the sampler uses {sampler} as std, the KL{at_related} reads s as {meaning}",
    evidence="std at s = {curve:x} is {curve:y}; the KL assumes {assumed:y}",
    fix="std = {formula}",
    bad=edit(("torch.exp(0.5 * logvar)", "torch.exp(logvar)  # VAE201")),
    good=EXAMPLE,
    references=("Kingma and Welling 2014, section 2.4 and appendix B, https://arxiv.org/abs/1312.6114",),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
    fixer=halved_exponent,
)
