"""A VAE is known by the model that is loaded from the same place, and the latents that this was trained on as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

TRAINED = """\
import torch
import torch.nn.functional as F
from {library} import AutoencoderKL, AutoencoderKLWan, {model}


def main(args, scheduler, loader):
    vae = {vae}.from_pretrained(args.{path}, subfolder="vae").requires_grad_(False)
    model = {model}.from_pretrained(args.pretrained, subfolder="model")
    for x in loader:
        z = vae.encode(x * 2 - 1).latent_dist.sample()
        z = {applied}
        noise, sigma = torch.randn_like(z), torch.rand(5, 1, 1, 1)
        noisy = {noisy}
        F.mse_loss(model(noisy), noise).backward()
"""
SCALE, SHIFT = "vae.config.scaling_factor", "vae.config.shift_factor"
MIXED, ADDED = "(1 - sigma) * z + sigma * noise", "scheduler.add_noise(z, noise, sigma)"


def codes(folder: Path, text: str) -> list[tuple[str, int]]:
    path = folder / "train.py"
    path.write_text(text, encoding="utf-8")
    return [(each.code, each.place.line) for each in lint([path]).findings if each.place is not None]


def trained(
    applied: str,
    model: str = "SD3Transformer2DModel",
    vae: str = "AutoencoderKL",
    path: str = "pretrained",
    noisy: str = MIXED,
    library: str = "diffusers",
) -> str:
    return TRAINED.format(applied=applied, model=model, vae=vae, path=path, noisy=noisy, library=library)


@pytest.mark.parametrize(
    ("applied", "model", "path", "found"),
    [
        (f"z * {SCALE}", "SD3Transformer2DModel", "pretrained", ["VAE702"]),
        (f"(z - {SHIFT}) * {SCALE}", "SD3Transformer2DModel", "pretrained", []),
        (f"z * {SCALE}", "FluxTransformer2DModel", "pretrained", ["VAE702"]),
        (f"z * {SCALE}", "FluxTransformer2DModel", "another", []),
        (f"z * {SCALE}", "Flux2Transformer2DModel", "pretrained", []),
        (f"z * {SCALE}", "UNet2DConditionModel", "pretrained", []),
        ("z * 0.18215", "StableDiffusionXLPipeline", "pretrained", ["VAE703"]),
        ("z * 0.13025", "StableDiffusionXLPipeline", "pretrained", []),
        ("z * 0.13025", "StableDiffusionPipeline", "pretrained", ["VAE703"]),
        ("z * 0.18215", "StableDiffusionUpscalePipeline", "pretrained", []),
        ("z * 0.13025", "StableVideoDiffusionPipeline", "pretrained", ["VAE703"]),
        ("z * 0.18215", "StableVideoDiffusionPipeline", "pretrained", []),
    ],
)
def test_the_model_of_the_same_checkpoint_tells_its_vae(
    applied: str, model: str, path: str, found: list[str], tmp_path: Path
) -> None:
    assert codes(tmp_path, trained(applied, model, path=path)) == [(code, 11) for code in found]


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("SD3Transformer2DModel", True),
        ("UNet2DConditionModel", True),
        ("StableDiffusionXLPipeline", True),
        ("StableVideoDiffusionPipeline", True),
        ("AnimateDiffSDXLPipeline", True),
        ("TextToVideoSDPipeline", True),
        ("LatentConsistencyModelPipeline", True),
        ("MarigoldDepthPipeline", True),
        ("UNetMotionModel", True),
        ("HunyuanDiT2DModel", True),
        ("ChromaTransformer2DModel", True),
        ("UNetOfMine", False),
        ("UNet2DModel", False),
        ("StableDiffusionUpscalePipeline", False),
    ],
)
@pytest.mark.parametrize("noisy", [MIXED, ADDED])
def test_a_trained_model_takes_no_latents_as_encode_gives_them(
    model: str, found: bool, noisy: str, tmp_path: Path
) -> None:
    expected = [("VAE701", 10)] if found else []
    assert codes(tmp_path, trained("z", model, noisy=noisy)) == expected


@pytest.mark.parametrize(
    ("built", "applied", "found"),
    [
        ("StableDiffusionPipeline(vae=vae, unet=model)", "z", True),
        ("StableDiffusionPipeline(vae=accelerator.unwrap_model(vae), unet=model)", "z", True),
        ('StableDiffusionXLPipeline.from_pretrained("a/model", vae=vae, unet=model)', "z", True),
        ("StableDiffusionPipeline(vae=vae, unet=model)", f"z * {SCALE}", False),
        ("StableDiffusionPipeline(vae=another, unet=model)", "z", False),
        ("PipelineOfMine(vae=vae, unet=model)", "z", False),
    ],
)
def test_what_is_trained_for_a_pipeline_takes_scaled_latents(
    built: str, applied: str, found: bool, tmp_path: Path
) -> None:
    text = trained(applied, "UNetOfMine", path="another").replace(
        "UNetOfMine.from_pretrained(args.pretrained", "made(1"
    )
    expected = [("VAE701", 10)] if found else []
    assert codes(tmp_path, text + f"    {built}.save_pretrained('out')\n") == expected


def test_latents_per_channel_are_not_taken_as_encode_gives_them(tmp_path: Path) -> None:
    text = trained("z", "WanTransformer3DModel", "AutoencoderKLWan")
    assert codes(tmp_path, text) == [("VAE701", 10)]


@pytest.mark.parametrize(
    "text",
    [
        trained("z", path="another"),
        # A wrapper of this name may scale inside.
        trained("z", "WanTransformer3DModel", "AutoencoderKLWan", library="videos.models"),
        # Noise on a condition.
        trained("z", noisy="z + sigma * noise"),
        # A model that is built, and learns what it is given.
        trained("z").replace('SD3Transformer2DModel.from_pretrained(args.pretrained, subfolder="model")', "args.model"),
    ],
)
def test_what_a_model_was_trained_on_is_left_open(text: str, tmp_path: Path) -> None:
    assert codes(tmp_path, text) == []


DRAWN = """\
import torch
from diffusers import AutoencoderKL, DiffusionPipeline, {pipeline}


def main(path, prompt):
    pipe = {pipeline}.from_pretrained(path)
    z = torch.randn(5, pipe.transformer.config.in_channels, 32, 48)
    for t in pipe.scheduler.timesteps:
        z = pipe.scheduler.step(pipe.transformer(z, t), t, z).prev_sample
    return pipe.vae.decode({applied}).sample
"""


@pytest.mark.parametrize(
    ("applied", "pipeline", "found"),
    [
        ("z / pipe.vae.config.scaling_factor", "StableDiffusion3Pipeline", ["VAE702"]),
        ("z", "StableDiffusion3Pipeline", ["VAE701"]),
        ("z", "CogVideoXPipeline", ["VAE701"]),
        ("z", "AudioLDM2Pipeline", ["VAE701"]),
        ("z / pipe.vae.config.scaling_factor", "AudioLDM2Pipeline", []),
        ("z", "StableAudioPipeline", []),
        ("z / 0.18215", "StableDiffusionXLPipeline", ["VAE703"]),
        ("z / 0.13025", "StableDiffusionXLPipeline", []),
        ("z / 0.18215", "DiffusionPipeline", []),
    ],
)
def test_the_class_of_a_pipeline_tells_its_vae(applied: str, pipeline: str, found: list[str], tmp_path: Path) -> None:
    text = DRAWN.format(applied=applied, pipeline=pipeline)
    assert codes(tmp_path, text) == [(code, 10) for code in found]


@pytest.mark.parametrize(
    ("asked", "applied", "found"),
    [
        ('output_type="latent"', "z", True),
        ('output_type="latent"', "z / pipe.vae.config.scaling_factor", False),
        ('output_type="pil"', "z", False),
    ],
)
def test_the_latents_of_a_pipeline_are_scaled_back(asked: str, applied: str, found: bool, tmp_path: Path) -> None:
    text = f"""\
from diffusers import StableDiffusionPipeline

pipe = StableDiffusionPipeline.from_pretrained("runwayml/stable-diffusion-v1-5")
z = pipe("a cat", {asked}).images
picture = pipe.vae.decode({applied}).sample
"""
    assert codes(tmp_path, text) == ([("VAE701", 5)] if found else [])


def test_a_vae_that_replaces_that_of_the_pipeline_is_another(tmp_path: Path) -> None:
    text = DRAWN.format(applied="z / 0.18215", pipeline="StableDiffusionXLPipeline")
    own = text.replace("from_pretrained(path)", 'from_pretrained(path, vae=AutoencoderKL.from_pretrained("a/vae"))')
    later = text.replace("    z = torch", '    pipe.vae = AutoencoderKL.from_pretrained("a/vae")\n    z = torch')
    assert "a/vae" in own
    assert "a/vae" in later
    assert codes(tmp_path, own) == []
    assert codes(tmp_path, later) == []
