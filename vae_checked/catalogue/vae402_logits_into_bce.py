"""VAE402: an output that is no probability goes into the cross entropy of probabilities."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import edit
from vae_checked.catalogue.support.names import made_by, names_of
from vae_checked.catalogue.support.ranges import SOFTMAX
from vae_checked.catalogue.support.with_logits import with_logits
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, lacking
from vae_checked.facts import UNIT, Fact, Facts, Likelihood
from vae_checked.finding import Severity

_SHARED = "a softmax shares 1 among all values along its axis: whether the targets do so is not known"
# What is added to a probability below its logarithm takes that beyond 0.
_ROUNDED = 0.05


def judge(facts: Facts) -> Verdict:
    """Found where BCE is given an output that can leave [0, 1]."""
    kind, output = facts.recon.kind, facts.output.interval
    if kind is not None and kind.value is Likelihood.CROSS_ENTROPY and facts.recon.takes_logs is not None:
        return _of_logs(facts, kind)
    if kind is not None and kind.value is not Likelihood.BCE:
        return Clean()
    if kind is None or output is None:
        return lacking(facts, "recon.kind", "output.interval")
    chain = () if facts.output.activations is None else facts.output.activations.value
    if UNIT.contains(output.value):
        return Undecided(reason=_SHARED) if chain[-1:] == (SOFTMAX,) else Clean()
    # What passed an activation is no logit, and a sigmoid after that gives a part of [0, 1] alone.
    without, where = (f" without the {' and the '.join(chain)}", "in its place") if chain else ("", "before the loss")
    names = names_of(facts)
    loss = with_logits(kind.origin.source) or f"F.binary_cross_entropy_with_logits({names.x_hat}, {names.x})"
    return Found(
        Evidence(
            origin=kind.origin,
            values={
                "needed": "in [0, 1]",
                "output": output.value,
                "made": made_by(facts),
                "because": "elements should be between 0 and 1",
                "remedy": f"{loss}{without}, or a sigmoid {where}",
            },
            related=((output.origin, "what the loss is given"),),
        )
    )


def _of_logs(facts: Facts, kind: Fact[Likelihood]) -> Verdict:
    """The verdict on a loss that is minus the number that it is given for a class: the logarithm of its probability."""
    output = facts.output.interval
    if output is None:
        return lacking(facts, "output.interval")
    if output.value.high <= _ROUNDED:
        return Clean()
    names = names_of(facts)
    squashed = UNIT.contains(output.value)
    chain = () if facts.output.activations is None else facts.output.activations.value
    where = f"in the place of the {chain[-1]}" if squashed and chain else "before the loss"
    remedy = f"F.nll_loss of the logarithm of {names.x_hat}" if squashed else f"F.cross_entropy of {names.x_hat}"
    values = {
        "needed": "to be logarithms of probabilities, which are at most 0",
        "output": output.value,
        "made": made_by(facts),
        "because": "the loss is minus that number, and is below 0 where it is above",
        "remedy": f"{remedy}, or a log_softmax {where}",
    }
    return Found(Evidence(kind.origin, values, related=((output.origin, "what the loss is given"),)))


# A last layer that starts at grey: the loss raises nothing until training has moved a pixel out of [0, 1].
_STARTS_GREY = """\
            nn.Linear(40, 3 * 8 * 12),
        )
        nn.init.normal_(self.decoder[-1].weight, std=0.01)
        nn.init.constant_(self.decoder[-1].bias, 0.5)
"""
_FINE = edit(
    ("            nn.Linear(40, 3 * 8 * 12),\n        )\n", _STARTS_GREY),
    ("torch.sigmoid(self.decoder(z)).view", "self.decoder(z).view"),
    ("F.mse_loss(", "F.binary_cross_entropy_with_logits("),
)

MISTAKE = Mistake(
    code="VAE402",
    name="logits-into-bce",
    severity=Severity.ERROR,
    summary="The loss needs probabilities, and the decoder's output leaves [0, 1].",
    why=(
        "binary_cross_entropy takes the logarithm of its input. Outside [0, 1] PyTorch's own raises 'all elements of "
        "input should be between 0 and 1', in the first step or after an hour; one written by hand becomes NaN, or "
        "negative. nll_loss takes logarithms of probabilities: handed probabilities it is minus their mean, which is "
        "no likelihood; handed logits it falls without bound."
    ),
    symptoms=("not-between-0-and-1", "loss-is-negative", "loss-is-nan"),
    said=("BCE without a sigmoid", "softmax into NLLLoss", "logits into binary_cross_entropy"),
    message="the loss needs {called.x_hat} {needed}, and it{at_related} is in {output}{made}",
    evidence="{called.x_hat} is in {output}; {because}",
    fix="{remedy}",
    bad=edit(
        (
            'F.binary_cross_entropy_with_logits(x_hat, x, reduction="none").sum(dim=(1, 2, 3))',
            'F.binary_cross_entropy(x_hat, x, reduction="none").sum(dim=(1, 2, 3))  # VAE402',
        ),
        text=_FINE,
    ),
    good=_FINE,
    references=(
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.BCELoss.html",
        "Kingma and Welling 2014, appendix C.1, https://arxiv.org/abs/1312.6114",
    ),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
)
