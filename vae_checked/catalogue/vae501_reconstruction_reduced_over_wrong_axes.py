"""VAE501: the reconstruction error is reduced over the wrong axes."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.balance import balanced_by_weight, exchanged_alike, right_axes, wrong_axes
from vae_checked.catalogue.support.example import edit
from vae_checked.catalogue.support.own_error import summed
from vae_checked.catalogue.verdict import Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts, Reduced, Reduction
from vae_checked.finding import Severity
from vae_checked.mathematics.effective_beta import batch_power

_IN_WORDS = "the sum of the error over all axes of a sample"
_NOT_THE_SUM = "not the sum over a sample's axes (C, H, W)"
_NEITHER = "neither the sum nor the mean over a sample's axes (C, H, W): the size of some of them weighs the KL"


def judge(facts: Facts) -> Verdict:
    """Found where the error is not summed over the elements of a sample and then reduced over the batch."""
    reduced = facts.recon.reduced
    if reduced is None:
        return lacking(facts, "recon.reduced")
    if not wrong_axes(reduced.value):
        return right_axes(reduced, "the reconstruction")
    if (alike := exchanged_alike(facts)) is not None:
        return alike
    if (chosen := balanced_by_weight(facts, reduced.value)) is not None:
        return chosen
    constant = _is_scaled_alone(facts, reduced.value)
    values = {
        "batch": reduced.value.batch,
        "event": reduced.value.event,
        "what": _NEITHER if constant else _NOT_THE_SUM,
        "remedy": summed(facts) or _IN_WORDS,
    }
    return Found(Evidence(reduced.origin, values, severity=Severity.WARNING if constant else None))


def _is_scaled_alone(facts: Facts, recon: Reduced) -> bool:
    """Whether nothing but a constant scale sets the error apart from the right one: somebody may mean it.

    A sum over the batch is another scale for each batch size, unless the KL is one as well.
    """
    kl = facts.kl.reduced
    power = None if kl is None else batch_power(kl.value, recon)
    return recon.event is Reduction.MIXED and (power == 0 or (power is None and recon.batch is Reduction.MEAN))


MISTAKE = Mistake(
    code="VAE501",
    name="reconstruction-reduced-over-wrong-axes",
    severity=Severity.ERROR,
    summary="The reconstruction error is summed over the batch, or over only some axes of a sample.",
    why=(
        "The log likelihood of an image is the sum over C, H and W; the loss is the mean of that over the batch. A sum "
        "over one of these axes and a mean over the rest divides the reconstruction by the size of the rest, while the "
        "KL keeps its own: the KL then dominates, and the latents collapse to the prior. Where the batch is averaged "
        "that is a constant which somebody may mean, as of squared distances of colours that are averaged over the "
        "pixels; a sum over the batch and a mean over a sample is another weight for each batch size."
    ),
    symptoms=("unbalanced", "kl-is-0", "batch-size-matters"),
    said=("reconstruction summed over the wrong axes", "sum without dim then mean"),
    message="the reconstruction error is {what}",
    evidence="batch: {batch}; axes of a sample: {event}",
    fix="{called.recon} = {remedy}",
    bad=edit(
        ("sum(dim=(1, 2, 3))", "sum(dim=1)  # VAE501"),
        ("(recon + kl).mean()", "recon.mean() + kl.mean()"),
    ),
    good=edit(("(recon + kl).mean()", "recon.mean() + kl.mean()")),
    references=(
        "Kingma and Welling 2014, section 3 (equation 10) and appendix C, https://arxiv.org/abs/1312.6114",
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.mse_loss.html",
    ),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
)
