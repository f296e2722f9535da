"""VAE506: a reduction is set where PyTorch ignores it."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import edit
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where a loss is given a reduction by an attribute that torch does not read, or by a flag that is none."""
    attribute = facts.recon.ignored_attribute
    if attribute is None:
        return lacking(facts, "recon.ignored_attribute")
    if attribute.value is None:
        return Clean()
    return Found(Evidence(origin=attribute.origin, values=_worded(attribute.value)))


def _worded(setting: str) -> dict[str, str]:
    """What is said of an attribute that is set too late, or of an old flag that is given a text."""
    if "=" in setting:
        flag, _, text = setting.partition("=")
        why = f"of the old flag {flag} PyTorch asks only whether it is true"
        return {"setting": setting, "why": why, "instead": f"the mean over all elements, {text} counting as True"}
    why = "it is set on a loss that was built already, where PyTorch ignores it"
    return {"setting": setting, "why": why, "instead": "its reduction argument"}


_SUMMED = 'criterion = nn.MSELoss(reduction="sum")'
_FINE = edit(
    ("def loss_function(", f"{_SUMMED}\n\n\ndef loss_function("),
    ('F.mse_loss(x_hat, x, reduction="none").sum(dim=(1, 2, 3))', "criterion(x_hat, x)"),
    ("logvar.exp(), dim=1)", "logvar.exp())"),
    ("(recon + kl).mean()", "recon + kl"),
    ("import torch.nn.functional as F\n", ""),
)

MISTAKE = Mistake(
    code="VAE506",
    name="ignored-reduction-attribute",
    severity=Severity.ERROR,
    summary="The reduction of a loss is set by what PyTorch does not read: a late attribute, a string for an old flag.",
    why=(
        "Since PyTorch 0.4.1 `size_average` and `reduce` are translated into `reduction` when the module is built. Set "
        "afterwards they change nothing, and a string given to one of them (`reduce='sum'`) only counts as True: the "
        "loss stays a mean over everything where a sum was meant, and the KL is weighed by the number of pixels times "
        "the batch size."
    ),
    symptoms=("unbalanced", "kl-is-0", "other-results"),
    said=("size_average is ignored", "size_average=False is deprecated", "reduce='sum'"),
    message="{setting} does not choose the reduction: {why}",
    evidence="the loss reduces by {instead}",
    fix='reduction="sum", as an argument of the loss where it is built or called',
    bad=edit(
        (_SUMMED, "criterion = nn.MSELoss()\ncriterion.size_average = False  # VAE506"),
        text=_FINE,
    ),
    good=_FINE,
    references=("https://docs.pytorch.org/docs/stable/generated/torch.nn.MSELoss.html",),
    seen_by=frozenset({Observer.LINT}),
    judge=judge,
)
