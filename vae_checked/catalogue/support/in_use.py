"""What the judges of latents in use share: the modules that they are shown on, and the maps that undo each other."""

from __future__ import annotations

from vae_checked.catalogue.support.example import EXAMPLE
from vae_checked.catalogue.verdict import Undecided
from vae_checked.facts import Fact
from vae_checked.latent_facts import AffineMap, Latents, PretrainedVAE
from vae_checked.mathematics import affine_maps

# How a diffusion model is trained on the latents of a VAE that is loaded, and how pictures are drawn from it.
IN_USE = (
    EXAMPLE
    + """\


def load():
    from diffusers import AutoencoderKL

    vae = AutoencoderKL.from_pretrained("stabilityai/stable-diffusion-3-medium-diffusers", subfolder="vae")
    return vae.requires_grad_(False)


def to_latents(vae, pictures):
    z = vae.encode(pictures).latent_dist.sample()
    return (z - vae.config.shift_factor) * vae.config.scaling_factor


def to_pictures(vae, z):
    z = z / vae.config.scaling_factor + vae.config.shift_factor
    return vae.decode(z).sample


def train(model, scheduler, pictures, t):
    z = to_latents(load(), pictures)
    noise = torch.randn_like(z)
    predicted = model(scheduler.add_noise(z, noise, t), t)
    return F.mse_loss(predicted, noise)


def draw(model, scheduler, z):
    for t in scheduler.timesteps:
        z = scheduler.step(model(z, t), t, z).prev_sample
    return to_pictures(load(), z)
"""
)
SOURCES = (
    "https://huggingface.co/docs/diffusers/api/models/autoencoderkl",
    "https://huggingface.co/docs/diffusers/tutorials/autopipeline",
)


def in_words(applied: AffineMap) -> str:
    """`z -> z * 0.18215`; `nothing` of what leaves z as it is."""
    return "nothing" if applied.is_identity else f"z -> {applied}"


def as_read(latents: Latents) -> str:
    """What was read of the two ends, or of the way between them where one piece of code has both."""
    if latents.round_trip is not None:
        return f"{in_words(latents.round_trip.value)} on the way from encode to decode"
    ends = (latents.encoded, "behind encode"), (latents.decoded, "before decode")
    return ", ".join(f"{in_words(end.value)} {where}" for end, where in ends if end is not None)


def at_one_end(one_end: Fact[AffineMap]) -> str:
    """What was read of one end, whichever it is: before decode stands what undoes the map."""
    if one_end.value.is_identity:
        return "latents are used on the scale on which encode gives them"
    return f"{in_words(one_end.value)} behind encode, or what undoes it before decode"


def without_the_other(one_end: Fact[AffineMap]) -> Undecided:
    """Undecided because the other end was not read."""
    place = f" (at {one_end.origin.place})" if one_end.origin.place else ""
    return Undecided(reason=f"{at_one_end(one_end)}{place}, and what is done at the other end was not read")


def of_unknown(one_end: Fact[AffineMap], how: str) -> Undecided:
    """Undecided because it is not known which VAE the latents are of, and `how` that one is used."""
    return Undecided(reason=f"{at_one_end(one_end)}; which VAE this is, and whether it {how}, is not known")


def is_undone(encoded: AffineMap, decoded: AffineMap) -> tuple[bool, bool]:
    """Whether the scale of a map is undone by that of another one, and whether its shift is."""
    whole = affine_maps.after(decoded, encoded)
    return affine_maps.is_one(whole.scale), not whole.shift


def open_by_another_way(encoded: AffineMap, other: Fact[AffineMap] | None, of_scale: bool) -> Undecided | None:
    """Undecided where another way to the same decode undoes not even the scale, or not the shift, behind encode."""
    if other is None:
        return None
    scale, shift = is_undone(encoded, other.value)
    if scale and (of_scale or shift):
        return None
    words = f"{in_words(other.value)} is applied before decode, and {in_words(encoded)} behind encode"
    return Undecided(reason=f"in another branch {words}")


def takes_others(beside: PretrainedVAE, how: str) -> str:
    """Why latents that both ends leave as they are may be wrong: a model is loaded that was trained on others."""
    return f"{beside.companion} takes latents that are {how}, and whether these go into it is not known"


def open_by_a_condition(condition: Fact[tuple[AffineMap, AffineMap]] | None) -> Undecided | None:
    """Undecided where what a model is given beside the noise has another scale, or shift, than in its training."""
    if condition is None:
        return None
    trained, drawn = condition.value
    place = f" (at {condition.origin.place})" if condition.origin.place else ""
    ends = f"{in_words(drawn)} where samples are made{place}, {in_words(trained)} where the model is trained"
    return Undecided(reason=f"the latents of a condition are not on one scale: {ends}")
