"""VAE703: latents are scaled by the factor of another VAE, or by one that was mistyped."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import edit
from vae_checked.catalogue.support.in_use import IN_USE
from vae_checked.catalogue.support.known_vaes import FACTORS, KnownVAE, is_factor, known, transposed
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, lacking
from vae_checked.facts import Fact, Facts
from vae_checked.finding import Severity
from vae_checked.latent_facts import AffineMap, PretrainedVAE

# The factor that the class of diffusers has by default, and where that is written.
_DEFAULT = 0.18215
_DEFAULT_SOURCE = (
    "https://github.com/huggingface/diffusers/blob/main/src/diffusers/models/autoencoders/autoencoder_kl.py"
)


def judge(facts: Facts) -> Verdict:
    """Found where a factor that is written out belongs to another VAE than the one that is loaded."""
    if facts.latents.rescaled is not None:
        return _of_rescaled(facts.latents.rescaled)
    vae, factor = facts.latents.vae, facts.latents.factor
    if facts.latents.default_factor is not None and vae is not None:
        return _of_default(facts.latents.default_factor, vae)
    if factor is None or vae is None:
        return lacking(facts, "latents.vae", "latents.factor")
    loaded = known(vae.value)
    other = next((each for number, each in FACTORS.items() if is_factor(factor.value, number)), None)
    typed = None if other is not None else transposed(factor.value)
    wanted = loaded or typed
    if wanted is None or wanted.factor is None:
        return Undecided(reason=_unknown(factor.value, None if other is None else other.name, loaded))
    if is_factor(factor.value, wanted.factor):
        return Clean()
    if typed is not None and typed.factor == wanted.factor:
        what = f"{factor.value:.6g} is {wanted.factor:.6g}, the factor of {wanted.name}, with digits swapped"
    elif other is not None:
        what = f"{factor.value:.6g} is the factor of {other.name}, and the VAE is that of {wanted.name}"
    else:
        return Undecided(
            reason=f"{factor.value:.6g} is not {wanted.factor:.6g}, the factor of {wanted.name}, nor that of another "
            "VAE that is known: it may be 1 / std of latents of other data"
        )
    values = {
        "what": what,
        "known": f"the latents of {wanted.name} are used with {wanted.factor:.6g} ({wanted.source})",
        "remedy": f"take it from the VAE: vae.config.scaling_factor ({wanted.factor:.6g})",
    }
    return Found(Evidence(origin=factor.origin, values=values, related=((vae.origin, "loaded here"),)))


def _unknown(factor: float, other: str | None, loaded: KnownVAE | None) -> str:
    """What a factor is, and what is not known of the VAE that it is applied for."""
    under = next((each for number, each in FACTORS.items() if factor and is_factor(1 / factor, number)), None)
    if other is not None:
        whose = f"the factor of {other}"
    elif under is not None:
        whose = f"1 / {under.factor:.6g}, by the factor of {under.name}"
    else:
        whose = "the factor of no VAE that is known"
    if loaded is not None:
        return f"{factor:.6g} is {whose}, and {loaded.name} has a mean and a std per channel"
    may_be = "it may be one of the project's own" if (other, under) == (None, None) else "it may be another"
    return f"{factor:.6g} is {whose}; which VAE is used here is not known, and {may_be}"


def _of_default(scaled: Fact[AffineMap], vae: Fact[PretrainedVAE]) -> Verdict:
    """Found: the factor that the class has by default is that of one VAE, and of no other."""
    values = {
        "what": f"the VAE is built here without one, and {_DEFAULT:g}, which its class then has, is that of "
        "Stable Diffusion 1",
        "known": f"an {vae.value.kind} has {_DEFAULT:g} by default ({_DEFAULT_SOURCE})",
        "remedy": f"{vae.value.kind}(..., scaling_factor=1 / std), with the std of this VAE's latents",
    }
    return Found(Evidence(origin=scaled.origin, values=values, related=((vae.origin, "built here"),)))


def _of_rescaled(rescaled: Fact[str]) -> Verdict:
    """Found: the factor of a VAE makes its latents of unit variance, and any other makes others of them."""
    values = {
        "what": f"the factor of the VAE is changed by {rescaled.value}",
        "known": "whoever takes the factor from the VAE, as pipelines do before decode, has another one",
        "remedy": "leave the factor as the VAE has it",
    }
    return Found(Evidence(origin=rescaled.origin, values=values))


MISTAKE = Mistake(
    code="VAE703",
    name="factor-of-another-vae",
    severity=Severity.ERROR,
    summary="The latents are scaled by the factor of another VAE than the one that is loaded, or by one mistyped.",
    why=(
        "Each VAE has its own factor: 0.18215 brings the latents of Stable Diffusion 1 to unit variance, and leaves "
        "those of SDXL 1.4 times as large as they should be. A denoiser that was trained with the right factor is then "
        "given latents of another size, and for one that is trained here the noise schedule does not fit."
    ),
    symptoms=("washed-out", "other-results"),
    said=("wrong scaling factor for SDXL, SD3 or Flux", "0.18215 with the SDXL VAE", "0.13025"),
    message="this factor is not that of the VAE: {what}",
    evidence="what is known: {known}",
    fix="{remedy}",
    bad=edit(
        ("vae.config.shift_factor) * vae.config.scaling_factor", "vae.config.shift_factor) * 0.18215  # VAE703"),
        text=IN_USE,
    ),
    good=edit(
        ("vae.config.shift_factor) * vae.config.scaling_factor", "vae.config.shift_factor) * 1.5305"), text=IN_USE
    ),
    references=("https://huggingface.co/docs/diffusers/api/models/autoencoderkl",),
    seen_by=frozenset({Observer.LINT}),
    judge=judge,
)
