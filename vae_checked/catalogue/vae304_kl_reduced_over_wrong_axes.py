"""VAE304: the KL is reduced over the wrong axes."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.balance import exchanged_alike, right_axes, wrong_axes
from vae_checked.catalogue.support.example import edit
from vae_checked.catalogue.verdict import Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where the KL is not summed over the latents and then reduced over the batch."""
    reduced = facts.kl.reduced
    if reduced is None:
        return lacking(facts, "kl.reduced")
    if not wrong_axes(reduced.value):
        return right_axes(reduced, "the KL")
    if (alike := exchanged_alike(facts)) is not None:
        return alike
    values = {"batch": reduced.value.batch, "latents": reduced.value.event}
    return Found(Evidence(origin=reduced.origin, values=values))


MISTAKE = Mistake(
    code="VAE304",
    name="kl-reduced-over-wrong-axes",
    severity=Severity.ERROR,
    summary="The KL is reduced over the batch where it should be summed over the latents.",
    why=(
        "The KL of a sample is the sum over its latents; the loss is the mean of that over the batch. With the axes "
        "swapped the KL grows with the batch size and shrinks with the number of latents, so that its weight "
        "against the reconstruction changes whenever one of the two does."
    ),
    symptoms=("batch-size-matters", "unbalanced", "other-results"),
    said=("sum over the batch instead of the latents", "dim=0 instead of dim=1", "wrong dim in the KL sum"),
    message="the KL is reduced over the wrong axes: a sample's KL is the sum over its latents",
    evidence="batch: {batch}; latents: {latents}",
    fix="{called.kl_anew}",
    bad=edit(
        ("mu.pow(2) - logvar.exp(), dim=1)", "mu.pow(2) - logvar.exp(), dim=0)  # VAE304"),
        ("(recon + kl).mean()", "recon.mean() + kl.mean()"),
    ),
    good=edit(("(recon + kl).mean()", "recon.mean() + kl.mean()")),
    references=(
        "Kingma and Welling 2014, section 3 (equation 10) and appendix B, https://arxiv.org/abs/1312.6114",
        "https://docs.pytorch.org/docs/stable/generated/torch.sum.html",
    ),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
)
