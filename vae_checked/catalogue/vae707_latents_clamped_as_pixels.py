"""VAE707: latents are clamped to the range of pixels before they are decoded."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import edit
from vae_checked.catalogue.support.in_use import IN_USE
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import SYMMETRIC_UNIT, Facts, Origin
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where latents that a model made are confined to [-1, 1] on their way to `decode`."""
    clipping, clamped = facts.latents.clipping, facts.latents.clamped
    if clipping is not None:
        if clipping.value is None:
            return Clean()
        by, option = clipping.value.by, clipping.value.option
        default = " by default" if clipping.value.by_default else ""
        what = f"clipped to {SYMMETRIC_UNIT} at each step of {by}, whose {option} is True{default}"
        return _found(clipping.origin, what, f"{by}(..., {option}=False)")
    if clamped is None:
        return lacking(facts, "latents.clamped")
    if clamped.value is None or not SYMMETRIC_UNIT.contains(clamped.value):
        return Clean()
    return _found(
        clamped.origin, f"clamped to {clamped.value} before decode", "clamp the decoded picture, not the latent"
    )


def _found(origin: Origin, what: str, remedy: str) -> Found:
    return Found(Evidence(origin=origin, values={"what": what, "remedy": remedy}))


# Who is handed a schedule does not see whether it clips.
_GOOD = edit(
    (
        "def draw(model, scheduler, z):\n",
        """def draw(model, z):
    from diffusers import FlowMatchEulerDiscreteScheduler

    scheduler = FlowMatchEulerDiscreteScheduler()
""",
    ),
    text=IN_USE,
)


MISTAKE = Mistake(
    code="VAE707",
    name="latents-clamped-as-pixels",
    severity=Severity.ERROR,
    summary="Latents are clamped to the range of pixels before they are decoded.",
    why=(
        "Diffusion on pixels clips its samples to [-1, 1]. Latents are scaled to about unit variance: one value in "
        "three of a standard normal lies outside of [-1, 1] and is cut, and the decoder draws flat, pale pictures."
    ),
    symptoms=("washed-out", "blurry"),
    said=("clip_denoised in latent diffusion", "clip_sample=True with latents", "latents clamped to [-1, 1]"),
    message="latents are {what}",
    evidence="of a standard normal 32 % lie outside of [-1, 1]",
    fix="{remedy}",
    bad=edit(
        (
            "    z = z / vae.config.scaling_factor + vae.config.shift_factor\n",
            "    z = z.clamp(-1, 1)  # VAE707\n    z = z / vae.config.scaling_factor + vae.config.shift_factor\n",
        ),
        text=_GOOD,
    ),
    good=_GOOD,
    references=("https://huggingface.co/docs/diffusers/api/schedulers/ddpm",),
    seen_by=frozenset({Observer.LINT}),
    judge=judge,
)
