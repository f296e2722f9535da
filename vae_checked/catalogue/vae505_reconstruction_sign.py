"""VAE505: the reconstruction error is maximised."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.support.names import names_of
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity

_INSIDE = (
    "weighs most in the sample where it is largest: the sign of a bound stands inside its logarithm, not before it"
)
_LOGARITHM = "loss = -torch.logsumexp(log_w, dim=1).mean(), with log_w = log p(x, z) - log q(z | x)"


def judge(facts: Facts) -> Verdict:
    """Found where the reconstruction error is maximised, by itself or within the logarithm of a bound."""
    sign, worst = facts.recon.sign, facts.recon.weighs_worst
    if worst is not None and worst.value:
        values = {"what": _INSIDE, "seen": "the weight of a sample grows with it", "remedy": _LOGARITHM}
        return Found(Evidence(origin=worst.origin, values=values))
    if sign is None:
        return lacking(facts, "recon.sign")
    if sign.value > 0:
        return Clean()
    names = names_of(facts)
    values = {
        "what": "is maximised: a larger error makes a smaller loss",
        "seen": f"its sign in the loss is {sign.value}",
        "remedy": f"loss = ({names.recon} + {names.kl}).mean(), with the error's own sign",
    }
    return Found(Evidence(origin=sign.origin, values=values))


MISTAKE = Mistake(
    code="VAE505",
    name="reconstruction-sign",
    severity=Severity.ERROR,
    summary="The reconstruction error enters the loss with a minus: training maximises it.",
    why=(
        "The ELBO subtracts the error and is maximised; a loss adds it and is minimised. With the sign of the ELBO in "
        "a loss, the decoder is rewarded for leaving the data, and the loss becomes negative and falls without bound."
    ),
    symptoms=("loss-is-negative", "loss-stays-high"),
    said=("sign of the reconstruction", "minus before the reconstruction loss"),
    message="the reconstruction error {what}",
    evidence="of the reconstruction error: {seen}",
    fix="{remedy}",
    bad=edit(
        ("recon = F", "recon = -F"),
        ("sum(dim=(1, 2, 3))", "sum(dim=(1, 2, 3))  # VAE505"),
    ),
    good=EXAMPLE,
    references=("Kingma and Welling 2014, equation 3, https://arxiv.org/abs/1312.6114",),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
)
