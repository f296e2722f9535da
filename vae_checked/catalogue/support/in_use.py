"""What the judges of latents in use share: the modules that they are shown on, and the maps that undo each other."""

from __future__ import annotations

from vae_checked.catalogue.support.example import EXAMPLE
from vae_checked.catalogue.verdict import Undecided
from vae_checked.facts import Fact
from vae_checked.latent_facts import AffineMap
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
    return Undecided(reason=f"in another branch z -> {other.value} is applied before decode, and nothing behind encode")
