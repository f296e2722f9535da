"""VAE401: a sigmoid goes into a loss that applies one itself."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import edit
from vae_checked.catalogue.support.names import made_by
from vae_checked.catalogue.support.ranges import sigmoid
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import UNIT, Facts, Likelihood
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where BCE with logits is given an output that lies in [0, 1]."""
    kind, output = facts.recon.kind, facts.output.interval
    if kind is not None and kind.value is not Likelihood.BCE_WITH_LOGITS:
        return Clean()
    if kind is None or output is None:
        return lacking(facts, "recon.kind", "output.interval")
    if not UNIT.contains(output.value):
        return Clean()
    return Found(
        Evidence(
            origin=kind.origin,
            values={"output": output.value, "made": made_by(facts), "probabilities": sigmoid(output.value)},
            related=((output.origin, "what the loss is given"),),
        )
    )


_FINE = edit(("F.mse_loss(", "F.binary_cross_entropy("))

MISTAKE = Mistake(
    code="VAE401",
    name="sigmoid-into-logits-loss",
    severity=Severity.ERROR,
    summary="The decoder's output is a probability, and the loss takes logits: the sigmoid is applied twice.",
    why=(
        "binary_cross_entropy_with_logits applies a sigmoid itself. Fed with values in [0, 1] it sees probabilities "
        "between 0.5 and 0.731 only: black and white cannot be produced, the gradient is weak everywhere, and the "
        "reconstructions look grey."
    ),
    symptoms=("washed-out", "blurry", "loss-stays-high"),
    said=("sigmoid before BCEWithLogitsLoss", "sigmoid applied twice"),
    message="{called.x_hat}{at_related} is in {output}{made}, the loss takes it for logits and applies a sigmoid again",
    evidence="the loss can only see probabilities in {probabilities}",
    fix="hand the loss {called.x_hat} as it is before the sigmoid, or use F.binary_cross_entropy",
    bad=edit(
        (
            'F.binary_cross_entropy(x_hat, x, reduction="none").sum(dim=(1, 2, 3))',
            'F.binary_cross_entropy_with_logits(x_hat, x, reduction="none").sum(dim=(1, 2, 3))  # VAE401',
        ),
        text=_FINE,
    ),
    good=_FINE,
    references=(
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html",
        "Kingma and Welling 2014, appendix C.1, https://arxiv.org/abs/1312.6114",
    ),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
)
