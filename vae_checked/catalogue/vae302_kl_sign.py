"""VAE302: minus the KL is minimised."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.support.names import names_of
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity

_FALLS = "the loss falls as the posterior leaves the prior"
_EITHER = "minus the KL, or minus the error where the sum is maximised,"
_OPPOSED = "the two are added with opposite signs, and what is trained on that was not read"


def judge(facts: Facts) -> Verdict:
    """Found where minus the KL is minimised."""
    sign, density = facts.kl.sign, facts.kl.density
    if density is not None and density.value.opposed:
        kl = names_of(facts).kl
        values = {
            "what": f"{'' if density.value.of_prior else 'minus '}the sum of log q(z|x) and log p(z)",
            "why": "the KL is their difference",
            "sign": f"that of log q(z|x), and that of log p(z), is {'+' if density.value.of_prior else '-'}1",
            "remedy": f"{kl} = log q(z|x) - log p(z)",
        }
        return Found(Evidence(origin=density.origin, values=values))
    if sign is None:
        return lacking(facts, "kl.sign")
    if sign.value > 0:
        return Clean()
    names, form = names_of(facts), facts.kl.form
    # Whoever has a prior of their own has written its KL: the closed form to N(0, I) would be another.
    added = f"{names.kl} as the KL itself, which is never negative"
    own = form is not None and form.value.learned
    remedy = f"{names.recon} + {names.kl}, with {added if own else f'{names.kl} = {names.kl_formula}'}"
    if form is None:
        # Of a KL that samples estimate, to a prior or through a flow of one's own, only this is known.
        remedy = f"{names.recon} + {names.kl}, with {names.kl} = log q(z|x) - log p(z)"
    what, why, signs = "minus the KL", _FALLS, f"the KL's is {sign.value}"
    if facts.recon.kind is not None and facts.recon.sign is None:
        what, why, signs = _EITHER, _OPPOSED, f"the KL's is that of the error times {sign.value}"
    return Found(Evidence(sign.origin, {"what": what, "why": why, "sign": signs, "remedy": remedy}))


MISTAKE = Mistake(
    code="VAE302",
    name="kl-sign",
    severity=Severity.ERROR,
    summary="The KL enters the loss with a minus: training maximises it.",
    why=(
        "The loss rewards a posterior that is far from the prior. It falls without bound as the log variance grows or "
        "shrinks, and ends in NaN or in latents of any size. -0.5 * sum(1 + logvar - mu^2 - exp(logvar)) already is "
        "the KL, its minus included: it is added to the error, and the minus before it is one too many."
    ),
    symptoms=("loss-is-negative", "kl-is-negative", "kl-rises", "loss-is-nan"),
    said=("redundant minus", "shouldn't it be minus", "wrong sign of the KL"),
    message="{what} is minimised: {why}",
    evidence="signs in the loss: {sign}",
    fix="{remedy}",
    bad=edit(
        ("kl = -0.5 * torch", "kl = 0.5 * torch"),
        ("mu.pow(2) - logvar.exp(), dim=1)", "mu.pow(2) - logvar.exp(), dim=1)  # VAE302"),
    ),
    good=EXAMPLE,
    references=("Kingma and Welling 2014, equation 3 and appendix B, https://arxiv.org/abs/1312.6114",),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
)
