"""VAE502: a mean reconstruction beside a summed KL."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.balance import settled, stated
from vae_checked.catalogue.support.example import edit
from vae_checked.catalogue.support.own_error import summed
from vae_checked.catalogue.verdict import Evidence, Found, Undecided, Verdict, lacking
from vae_checked.facts import Facts, Reduction
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where a mean over the elements stands beside a KL summed over the latents, and nothing weighs them."""
    recon, kl = facts.recon.reduced, facts.kl.reduced
    if recon is None or kl is None:
        return lacking(facts, "recon.reduced", "kl.reduced")
    verdict = settled(facts, (recon.value, Reduction.MEAN), (kl.value, Reduction.SUM))
    if verdict is not None:
        return verdict
    remedy, kind = summed(facts), facts.recon.kind
    if remedy is None and kind is not None:
        return Undecided(reason=f"over which axes a {kind.value} sums by itself depends on its distribution")
    return Found(
        Evidence(
            origin=recon.origin,
            values={
                "beta": stated(facts, "proportional to the number of elements of a sample"),
                "summed": remedy,
            },
            related=((kl.origin, "the KL"),),
        )
    )


MISTAKE = Mistake(
    code="VAE502",
    name="mean-reconstruction-summed-kl",
    severity=Severity.WARNING,
    summary="The reconstruction error is a mean over a sample's elements, the KL a sum over the latents.",
    why=(
        "Dividing only the reconstruction by the number of pixels multiplies the weight of the KL by that number: a "
        "beta-VAE with a beta of hundreds or thousands that nobody wrote down. The terms are unbalanced, the KL "
        "drops to 0, and the samples all look the same. Where the weight is named, or the KL is divided by the same "
        "count, this is intent and no finding."
    ),
    symptoms=("unbalanced", "kl-is-0", "all-alike", "blurry", "other-results"),
    said=("mse mean and kl sum", "one term dominates", "unbalanced"),
    message="the reconstruction is a mean over a sample's elements, the KL{at_related} a sum over the latents",
    evidence="effective beta: {beta}",
    fix="{summed}, or a weight of the KL that has a name",
    bad=edit(
        ('F.mse_loss(x_hat, x, reduction="none").sum(dim=(1, 2, 3))', "F.mse_loss(x_hat, x)  # VAE502"),
        ("(recon + kl).mean()", "recon + kl.mean()"),
    ),
    good=edit(
        ('F.mse_loss(x_hat, x, reduction="none").sum(dim=(1, 2, 3))', 'F.mse_loss(x_hat, x, reduction="sum") / len(x)'),
        ("(recon + kl).mean()", "recon + kl.mean()"),
    ),
    references=(
        "Higgins and others 2017, section 2, https://openreview.net/forum?id=Sy2fzU9gl",
        "Rybkin and others 2021, https://arxiv.org/abs/2006.13202",
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.MSELoss.html",
    ),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
)
