"""VAE506: a reduction is set where PyTorch ignores it."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import edit
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where the loss object is given a reduction by an attribute that torch does not read."""
    attribute = facts.recon.ignored_attribute
    if attribute is None:
        return lacking(facts, "recon.ignored_attribute")
    if attribute.value is None:
        return Clean()
    return Found(Evidence(origin=attribute.origin, values={"attribute": attribute.value}))


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
    summary="The reduction of a loss module is set after construction by an attribute that PyTorch ignores.",
    why=(
        "Since PyTorch 0.4.1 `size_average` and `reduce` are translated into `reduction` when the module is built. "
        "Set afterwards they change nothing: the loss stays a mean over everything where a sum was meant, and the "
        "KL is weighed by the number of pixels times the batch size."
    ),
    message="{attribute} is set on a loss that was built already, where PyTorch ignores it",
    evidence="{attribute} has no effect: the loss still reduces by its reduction argument",
    fix='nn.MSELoss(reduction="sum")',
    bad=edit(
        (_SUMMED, "criterion = nn.MSELoss()\ncriterion.size_average = False  # VAE506"),
        text=_FINE,
    ),
    good=_FINE,
    references=("https://docs.pytorch.org/docs/stable/generated/torch.nn.MSELoss.html",),
    seen_by=frozenset({Observer.LINT}),
    judge=judge,
)
