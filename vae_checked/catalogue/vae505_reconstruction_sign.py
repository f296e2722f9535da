"""VAE505: the reconstruction error is maximised."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where the reconstruction error is maximised."""
    sign = facts.recon.sign
    if sign is None:
        return lacking(facts, "recon.sign")
    return Clean() if sign.value > 0 else Found(Evidence(origin=sign.origin, values={"sign": sign.value}))


MISTAKE = Mistake(
    code="VAE505",
    name="reconstruction-sign",
    severity=Severity.ERROR,
    summary="The reconstruction error enters the loss with a minus: training maximises it.",
    why=(
        "The ELBO has a minus before the error and is maximised; a loss is minimised. With the sign of the one in "
        "the other the decoder is paid for leaving the data, and the loss becomes negative and falls without bound."
    ),
    symptoms=("loss-is-negative", "loss-stays-high"),
    said=("sign of the reconstruction", "minus before the reconstruction loss"),
    message="the reconstruction error is maximised: a larger error makes a smaller loss",
    evidence="the sign of the error in the loss is {sign}",
    fix="loss = ({called.recon} + {called.kl}).mean(), with the error's own sign",
    bad=edit(
        ("recon = F", "recon = -F"),
        ("sum(dim=(1, 2, 3))", "sum(dim=(1, 2, 3))  # VAE505"),
    ),
    good=EXAMPLE,
    references=("Kingma and Welling 2014, equation 3, https://arxiv.org/abs/1312.6114",),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
)
