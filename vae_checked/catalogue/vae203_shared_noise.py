"""VAE203: one eps is shared over the batch or the latents."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where one eps serves several samples or several latents."""
    shared = facts.sampler.shared_over
    if shared is None:
        return lacking(facts, "sampler.shared_over")
    return Found(Evidence(origin=shared.origin, values={"axes": shared.value})) if shared.value else Clean()


MISTAKE = Mistake(
    code="VAE203",
    name="shared-noise",
    severity=Severity.ERROR,
    summary="One draw of eps is shared by all samples of a batch, or by all latents of a sample.",
    why=(
        "eps of shape (L,) or (B, 1) broadcasts. The noise of different samples or latents is then fully "
        "correlated, while the KL assumes a diagonal Gaussian per sample: the gradient is far noisier, and with (B, "
        "1) the decoder only ever sees latents that move together along one line."
    ),
    symptoms=("loss-jumps", "samples-are-noise", "batch-size-matters", "other-results"),
    said=("the same noise for the whole batch", "one eps for all latents", "eps is broadcast"),
    message="one eps is shared over an axis that should be drawn independently: {axes}",
    evidence="eps is constant over: {axes}",
    fix="{called.eps} = torch.randn_like({called.std})",
    bad=edit(("torch.randn_like(std)", "torch.randn(std.size(1))  # VAE203")),
    good=EXAMPLE,
    references=(
        "Kingma and Welling 2014, sections 2.3 and 2.4, https://arxiv.org/abs/1312.6114",
        "https://docs.pytorch.org/docs/stable/generated/torch.randn_like.html",
    ),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
)
