"""VAE604: NaN is replaced instead of being reported."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where NaN is replaced before anybody can see it."""
    hidden = facts.training.hidden_nan
    if hidden is None:
        return lacking(facts, "training.hidden_nan")
    return Clean() if hidden.value is None else Found(Evidence(origin=hidden.origin, values={"what": hidden.value}))


MISTAKE = Mistake(
    code="VAE604",
    name="hidden-nan",
    severity=Severity.WARNING,
    summary="NaN in the loss or in what it is made of is replaced by a number.",
    why=(
        "nan_to_num, or a mask such as loss[loss != loss] = 0, lets training go on with whatever caused the NaN: "
        "the samples concerned contribute nothing, the loss looks healthy, and an overflow or a logarithm of 0 "
        "stays unfound."
    ),
    symptoms=("loss-looks-well", "loss-is-nan"),
    said=("nan_to_num", "nan replaced by 0"),
    message="NaN is replaced on its way to the loss: {what}",
    evidence="a NaN that goes into {what} comes out as a number",
    fix="let the NaN show, and find it with torch.autograd.detect_anomaly()",
    bad=edit(("return (recon + kl).mean()", "return torch.nan_to_num(recon + kl).mean()  # VAE604")),
    good=EXAMPLE,
    references=(
        "https://docs.pytorch.org/docs/stable/generated/torch.nan_to_num.html",
        "https://docs.pytorch.org/docs/stable/autograd.html#anomaly-detection",
    ),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
)
