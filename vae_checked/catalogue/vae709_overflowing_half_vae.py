"""VAE709: a VAE that overflows in float16 is run in it."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.support.known_vaes import known
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where a VAE whose configuration asks for float32 computes in float16."""
    vae, precision = facts.latents.vae, facts.latents.precision
    if vae is None or precision is None:
        return lacking(facts, "latents.vae", "latents.precision")
    loaded = known(vae.value)
    if loaded is None:
        return Undecided(reason="which VAE this is, and whether it overflows in float16, is not known")
    if not loaded.overflows:
        return Clean()
    values = {"name": loaded.name, "precision": precision.value, "source": loaded.source}
    return Found(Evidence(origin=precision.origin, values=values, related=((vae.origin, "used here"),)))


_DECODED = """\


def pictures(z):
    from diffusers import AutoencoderKL

    vae = AutoencoderKL.from_pretrained("madebyollin/sdxl-vae-fp16-fix", torch_dtype=torch.float16)
    return vae.decode(z / vae.config.scaling_factor).sample
"""
_FINE = EXAMPLE + _DECODED


MISTAKE = Mistake(
    code="VAE709",
    name="overflowing-half-vae",
    severity=Severity.INFO,
    summary="The VAE of SDXL computes in float16, in which some of its activations are infinite.",
    why=(
        "The decoder of SDXL's VAE has activations beyond 65504, the largest number of float16: some pictures come "
        "out black, since infinities become NaN. Its configuration says `force_upcast`, which the pipelines obey, "
        "and a call of `decode` by hand does not."
    ),
    symptoms=("loss-is-nan", "washed-out"),
    said=("black images with SDXL in fp16", "NaN from the SDXL VAE", "--no-half-vae", "force_upcast"),
    message="the VAE of {name} computes in {precision}, and overflows in it for some pictures",
    evidence="its configuration asks for float32 by force_upcast ({source})",
    fix='vae.to(torch.float32) before decode, bfloat16, or "madebyollin/sdxl-vae-fp16-fix"',
    bad=edit(
        (
            '    vae = AutoencoderKL.from_pretrained("madebyollin/sdxl-vae-fp16-fix", torch_dtype=torch.float16)\n',
            '    vae = AutoencoderKL.from_pretrained("stabilityai/sdxl-vae", torch_dtype=torch.float16)  # VAE709\n',
        ),
        text=_FINE,
    ),
    good=_FINE,
    references=("https://huggingface.co/madebyollin/sdxl-vae-fp16-fix",),
    seen_by=frozenset({Observer.LINT}),
    judge=judge,
)
