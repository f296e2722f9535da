"""VAE710: a sampler begins with noise on another grid than the latents of the VAE."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.support.known_vaes import known
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where the channels of the noise, its frames, or what sizes are divided by, are not those of the VAE."""
    vae, grid = facts.latents.vae, facts.latents.grid
    if vae is None or grid is None:
        return lacking(facts, "latents.vae", "latents.grid")
    loaded, frames = known(vae.value), grid.value.frames
    if loaded is not None and loaded.each_frames and frames is not None:
        each = loaded.each_frames
        what, wanted = (
            f"noise of {frames} frames",
            f"(frames - 1) // {each} + 1 frames, where frames are those of the video",
        )
        remedy = f"(frames - 1) // {each} + 1 frames of noise"
        values = {"what": what, "wanted": wanted, "name": loaded.name, "source": loaded.source, "remedy": remedy}
        return Found(Evidence(origin=grid.origin, values=values, related=((vae.origin, "decoded here"),)))
    if loaded is None or loaded.channels is None or loaded.divisor is None:
        return Undecided(reason="which VAE this is, and how many channels its latents have, is not known")
    channels, divisor = grid.value.channels, grid.value.divisor
    if channels is not None and channels != loaded.channels:
        what, wanted = f"noise of {channels} channels", f"{loaded.channels} channels"
        remedy = f"take the channels from the VAE: vae.config.latent_channels ({loaded.channels})"
    elif divisor is not None and divisor != loaded.divisor:
        what = f"noise at 1 / {divisor} of the picture's height and width"
        wanted = f"1 / {loaded.divisor} of them"
        remedy = (
            f"divide height and width by {loaded.divisor}: 2 ** (len(vae.config.block_out_channels) - 1) of a VAE of "
            "diffusers"
        )
    elif channels is None or divisor is None:
        what = "how many channels the noise has" if channels is None else "by what the size of the picture is divided"
        return Undecided(reason=f"{what} is not known")
    else:
        return Clean()
    values = {"what": what, "wanted": wanted, "name": loaded.name, "source": loaded.source, "remedy": remedy}
    return Found(Evidence(origin=grid.origin, values=values, related=((vae.origin, "decoded here"),)))


_DRAWN = """\


def draw(model, scheduler, size):
    from diffusers import AutoencoderKL

    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")
    z = torch.randn(5, 4, size // 8, size // 8)
    for t in scheduler.timesteps:
        z = scheduler.step(model(z, t), t, z).prev_sample
    return vae.decode(z / vae.config.scaling_factor).sample
"""
_FINE = EXAMPLE + _DRAWN


MISTAKE = Mistake(
    code="VAE710",
    name="latent-grid",
    severity=Severity.ERROR,
    summary="A sampler begins with noise of other channels, or on a finer or coarser grid, than the VAE's latents.",
    why=(
        "Each VAE makes a picture smaller by a number of its own, mostly 8, and gives 4 or 16 channels. A denoiser "
        "that is convolutional, or has relative positions, takes a grid of any size: the pictures are then of "
        "another size than was asked for, with repeated or cropped objects. The causal VAEs of videos keep the first "
        "frame by itself: of 4 k + 1 frames they make k + 1, and the noise for 81 frames has 21, not 20."
    ),
    symptoms=("other-results",),
    said=(
        "images of the wrong size",
        "repeated objects",
        "4 latent channels instead of 16",
        "vae_scale_factor",
        "frames 4k + 1",
    ),
    message="a sampler begins with {what}, and the latents of {name} have {wanted}",
    evidence="the latents of {name} have {wanted} ({source})",
    fix="{remedy}",
    bad=edit(("size // 8, size // 8)", "size // 4, size // 4)  # VAE710"), text=_FINE),
    good=_FINE,
    references=("https://huggingface.co/docs/diffusers/api/models/autoencoderkl",),
    seen_by=frozenset({Observer.LINT}),
    judge=judge,
)
