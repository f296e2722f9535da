"""VAE503: a KL averaged over the latents beside a summed reconstruction."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.balance import settled, stated
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.verdict import Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts, Reduction
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where a mean over the latents stands beside an error summed over the elements, and nothing weighs them."""
    kl, recon = facts.kl.reduced, facts.recon.reduced
    if kl is None or recon is None:
        return lacking(facts, "kl.reduced", "recon.reduced")
    verdict = settled(facts, (recon.value, Reduction.SUM), (kl.value, Reduction.MEAN))
    if verdict is not None:
        return verdict
    return Found(
        Evidence(
            origin=kl.origin,
            values={"beta": stated(facts, "proportional to 1 / the number of latents")},
            related=((recon.origin, "the reconstruction"),),
        )
    )


MISTAKE = Mistake(
    code="VAE503",
    name="latent-mean-kl",
    severity=Severity.WARNING,
    summary="The KL is a mean over the latents, the reconstruction error a sum over the sample's elements.",
    why=(
        "Dividing only the KL by the number of latents weakens it by that number: the latents keep far more than "
        "the prior allows, reconstructions are sharp, and decoding N(0, I) draws noise. Two means side by side, a "
        "named weight, or a division by the same count are intent and no finding."
    ),
    symptoms=("unbalanced", "samples-are-noise", "other-results"),
    said=("torch.mean in the KL", "KL averaged over the latents"),
    message="the KL is a mean over the latents, the reconstruction{at_related} a sum over a sample's elements",
    evidence="effective beta: {beta}",
    fix="{called.kl_anew}",
    bad=edit(
        ("kl = -0.5 * torch.sum(", "kl = -0.5 * torch.mean("),
        ("mu.pow(2) - logvar.exp(), dim=1)", "mu.pow(2) - logvar.exp(), dim=1)  # VAE503"),
    ),
    good=EXAMPLE,
    references=(
        "Kingma and Welling 2014, appendix B, https://arxiv.org/abs/1312.6114",
        "Higgins and others 2017, section 2, https://openreview.net/forum?id=Sy2fzU9gl",
    ),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
)
