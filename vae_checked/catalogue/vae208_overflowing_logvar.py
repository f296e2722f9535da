"""VAE208: exp of the head for std overflows at a value within reach."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity

# Above this a log variance is reached by runs that have already diverged: float32 alone (88.7) is no finding.
_WITHIN_REACH = 40.0
_BEFORE_EXP = {"float16": 5.0}  # a std of 12; exp itself overflows there at 11.09


def judge(facts: Facts) -> Verdict:
    """Found where the head for std can take a value at which its exp overflows, unless float32 alone does there."""
    overflow, second = facts.heads.overflow, facts.heads.second
    if overflow is None or second is None:
        return lacking(facts, "heads.overflow", "heads.second")
    if overflow.value.at >= _WITHIN_REACH or second.value.high <= overflow.value.at:
        return Clean()
    return Found(
        Evidence(
            origin=overflow.origin,
            values={
                "tensor": overflow.value.tensor,
                "dtype": overflow.value.dtype,
                "at": overflow.value.at,
                "interval": second.value,
            },
            # A sum that overflows where not even exp does is one that a training meets.
            severity=Severity.WARNING if overflow.value.at < _BEFORE_EXP.get(overflow.value.dtype, 0.0) else None,
        )
    )


MISTAKE = Mistake(
    code="VAE208",
    name="overflowing-logvar",
    severity=Severity.INFO,
    summary="exp of the head for std overflows at a value that the head can take.",
    why=(
        "exp overflows float32 at 88.7, but float16 at 11.1, and a log variance of some tens is what a run reports "
        "whose KL explodes. One such value makes std infinite, z infinite and the loss NaN. A clamp such as [-30, "
        "20] guards it; a narrower one bites in normal use."
    ),
    symptoms=("loss-is-nan", "std-is-odd", "loss-jumps"),
    said=("clamp logvar", "exp of logvar overflows"),
    message="{tensor} overflows {dtype} once the head for std reaches {at}, which nothing prevents",
    evidence="{tensor} is no longer finite at s = {at} in {dtype}; the head is in {interval}",
    fix="compute exp in float32, or clamp the head: {called.second}.clamp(-30.0, 20.0)",
    bad=edit(("torch.exp(0.5 * logvar)", "torch.exp(0.5 * logvar.half()).float()  # VAE208")),
    good=EXAMPLE,
    references=(
        "Micikevicius and others 2018, section 3.1, https://arxiv.org/abs/1710.03740",
        "https://docs.pytorch.org/docs/stable/generated/torch.clamp.html",
    ),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
)
