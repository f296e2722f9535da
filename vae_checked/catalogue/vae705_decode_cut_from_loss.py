"""VAE705: a term of the loss reads a picture that was decoded without gradient, so that it trains nothing."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import edit
from vae_checked.catalogue.support.in_use import IN_USE
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity

# How a picture is cut off from what is trained.
_HOW = {
    "detach": "that is detached",
    "latent": "decoded of a detached latent",
    "after": "that is computed on under no_grad",
}
_REMEDY = "decode with gradient; requires_grad_(False) on the VAE keeps its own weights as they are"
_AFTER = "compute {source} with gradient, as the decode before it"


def judge(facts: Facts) -> Verdict:
    """Found where no gradient of a term of the loss passes the decode that it reads."""
    cut = facts.latents.cut
    if cut is None:
        return lacking(facts, "latents.cut")
    if not cut.value:
        return Clean()
    remedy = _AFTER.format(source=cut.origin.source) if cut.value == "after" else _REMEDY
    how = _HOW.get(cut.value, f"decoded under {cut.value}")
    return Found(Evidence(origin=cut.origin, values={"how": how, "remedy": remedy}))


_PERCEPTUAL = """\


def pixel_loss(model, vae, noisy, pictures, t):
    z = model(noisy, t)
    raw = z / vae.config.scaling_factor + vae.config.shift_factor
    decoded = vae.decode(raw).sample
    loss = F.mse_loss(z, noisy) + 0.1 * F.l1_loss(decoded, pictures)
    loss.backward()
"""
_FINE = IN_USE + _PERCEPTUAL


MISTAKE = Mistake(
    code="VAE705",
    name="decode-cut-from-loss",
    severity=Severity.ERROR,
    summary="A term of the loss reads a picture that was decoded without gradient: it trains nothing.",
    why=(
        "A perceptual or physical loss on decoded pictures trains the denoiser through the frozen decoder: its "
        "parameters need no gradient, its input does. Decoded under no_grad, or detached, the term is a number that "
        "is added to the loss and moves no weight."
    ),
    symptoms=("loss-looks-well",),
    said=("perceptual loss has no effect", "lpips loss does not change", "decode under no_grad in the loss"),
    message="this term of the loss has no gradient: it reads a picture {how}",
    evidence="every way from the term to what is trained passes the decode",
    fix="{remedy}",
    bad=edit(
        (
            "    decoded = vae.decode(raw).sample\n",
            "    with torch.no_grad():\n        decoded = vae.decode(raw).sample  # VAE705\n",
        ),
        text=_FINE,
    ),
    good=_FINE,
    references=("https://docs.pytorch.org/docs/stable/notes/autograd.html#locally-disabling-gradient-computation",),
    seen_by=frozenset({Observer.LINT}),
    judge=judge,
)
