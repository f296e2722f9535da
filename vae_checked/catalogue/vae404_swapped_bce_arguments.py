"""VAE404: prediction and target change places in the cross entropy, or in the likelihood of counts."""

from __future__ import annotations

import ast

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.edits import exchanged_arguments
from vae_checked.catalogue.support.example import edit
from vae_checked.catalogue.support.names import loss_function, names_of
from vae_checked.catalogue.support.own_error import density_in, exchanged
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, lacking
from vae_checked.facts import Facts, Likelihood
from vae_checked.finding import Severity

_ASYMMETRIC = frozenset({Likelihood.BCE, Likelihood.BCE_WITH_LOGITS, Likelihood.POISSON})
_SYMMETRIC = frozenset({Likelihood.MSE, Likelihood.L1, Likelihood.SMOOTH_L1})


def judge(facts: Facts) -> Verdict:
    """Found where a loss that tells prediction from target is given them in the other order."""
    swapped, kind = facts.recon.swapped, facts.recon.kind
    if swapped is None or kind is None:
        return lacking(facts, "recon.swapped", "recon.kind")
    if not swapped.value or kind.value in _SYMMETRIC:
        return Clean()
    if kind.value not in _ASYMMETRIC:
        return Undecided(
            reason=f"what a {kind.value} makes of data and reconstruction in each other's place is not judged"
        )
    called = names_of(facts)
    density = density_in(swapped.origin)
    values = {
        "taker": kind.value,
        "is_that_of": f"{kind.value}({called.x}, {called.x_hat})",
        "remedy": f"{loss_function(facts)}({called.x_hat}, {called.x})",
    }
    if density is not None:
        values |= {
            "taker": "the distribution whose log_prob is taken",
            "is_that_of": f"{ast.unparse(density)}, a {kind.value} in which {called.x} is the prediction",
            "remedy": exchanged(density)
            or f"make the distribution of {called.x_hat}, and ask it for log_prob({called.x})",
        }
    return Found(Evidence(origin=swapped.origin, values=values))


_FINE = edit(("F.mse_loss(", "F.binary_cross_entropy("))


MISTAKE = Mistake(
    code="VAE404",
    name="swapped-bce-arguments",
    severity=Severity.ERROR,
    summary=(
        "The data are given as the prediction and the reconstruction as the target of a cross entropy, or of the "
        "likelihood of counts."
    ),
    why=(
        "The cross entropy is not symmetric: with the arguments swapped it takes the logarithm of the data. Black "
        "and white pixels hit the clamp at -100, the gradient is constant in x_hat, and the optimum is a decoder "
        "that draws only 0 or 1. The likelihood of counts is linear in its target: the reconstruction grows without "
        "end. Where the loss is symmetric (MSE, L1) the order does not matter and is no finding."
    ),
    symptoms=("loss-stays-high", "loss-is-nan", "not-between-0-and-1"),
    said=("target and input of BCE are swapped", "F.binary_cross_entropy(x, x_hat)"),
    message="{taker} gets the data as its prediction and the reconstruction as its target",
    evidence="d loss / d {called.x_hat} is that of {is_that_of}",
    fix="{remedy}",
    bad=edit(
        (
            'F.binary_cross_entropy(x_hat, x, reduction="none").sum(dim=(1, 2, 3))',
            'F.binary_cross_entropy(x, x_hat, reduction="none").sum(dim=(1, 2, 3))  # VAE404',
        ),
        text=_FINE,
    ),
    good=_FINE,
    references=(
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.binary_cross_entropy.html",
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.BCELoss.html",
    ),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
    fixer=exchanged_arguments,
)
