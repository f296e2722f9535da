"""The factor of a VAE turned about or left out at one end, where the model beside it was trained by others."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

TRAIN = """\
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, FluxTransformer2DModel, UNet2DConditionModel


def train(args, scheduler, loader, optimizer):
    vae = AutoencoderKL.from_pretrained({vae}, subfolder="vae")
    vae.requires_grad_(False)
    unet = {unet}
    for x, t in loader:
        z = vae.encode(x).latent_dist.sample()
        z = {applied}
        noise = torch.randn_like(z)
        loss = F.mse_loss(unet(scheduler.add_noise(z, noise, t), t).sample, noise)
        loss.backward()
        optimizer.step()
"""
BESIDE = 'UNet2DConditionModel.from_pretrained(args.model, subfolder="unet")'
SCRATCH = "UNet2DConditionModel(sample_size=32)"
S, M = "vae.config.scaling_factor", "vae.config.shift_factor"


def places(folder: Path, **files: str) -> list[tuple[str, str, int]]:
    folder.mkdir(exist_ok=True, parents=True)
    for name, text in files.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    found = lint([folder], select=["VAE7"]).findings
    return [(each.code, Path(each.place.path).stem, each.place.line) for each in found if each.place is not None]


@pytest.mark.parametrize(
    ("vae", "unet", "applied", "line"),
    [
        ("args.model", BESIDE, f"z / {S}", 12),
        ("args.vae or args.model", BESIDE, f"z / {S}", 12),
        ("args.vae if args.vae else args.model", BESIDE, "z", 11),
        ("args.model", BESIDE, f"z * {S} * {S}", 12),
        ("args.model", BESIDE, f"z * {S}", 0),
        ("args.vae or args.model", BESIDE, f"z * {S}", 0),
        # What one's own configuration has may be the standard deviation.
        ("args.model", SCRATCH, f"z / {S}", 0),
        ("args.other", BESIDE, f"z / {S}", 0),
        # A number is the factor of a VAE, whoever trains on its latents.
        ("args.other", SCRATCH, "z / 0.18215", 12),
        ("args.other", SCRATCH, "z * 0.18215 * 0.18215", 12),
        ("args.other", SCRATCH, "z * 0.18215", 0),
        ("args.other", SCRATCH, "z / 4.0", 0),
    ],
)
def test_a_factor_that_is_turned_about(vae: str, unet: str, applied: str, line: int, tmp_path: Path) -> None:
    expected = [("VAE701", "train", line)] if line else []
    assert places(tmp_path, train=TRAIN.format(vae=vae, unet=unet, applied=applied)) == expected


FLUX = 'FluxTransformer2DModel.from_pretrained(args.model, subfolder="transformer")'


@pytest.mark.parametrize(
    ("applied", "code"), [(f"z - {M}", "VAE701"), (f"z * {S}", "VAE702"), (f"(z - {M}) * {S}", "")]
)
def test_half_of_the_map_of_a_trained_model(applied: str, code: str, tmp_path: Path) -> None:
    text = TRAIN.format(vae="args.model", unet=FLUX, applied=applied)
    assert [each for each, _, _ in places(tmp_path, train=text)] == ([code] if code else [])


INPAINT = """\
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, UNet2DConditionModel


def step(batch, scheduler, t):
    vae = AutoencoderKL.from_pretrained("somebody/inpainting", subfolder="vae")
    unet = UNet2DConditionModel.from_pretrained("somebody/inpainting", subfolder="unet")
    z = vae.encode(batch["pixels"]).latent_dist.sample() * vae.config.scaling_factor
    mask = F.interpolate(batch["mask"], scale_factor=1 / 8)
    masked = vae.encode(batch["masked"]).latent_dist.sample(){scaled}
    noise = torch.randn_like(z)
    given = torch.cat([{given}], dim=1)
    return F.mse_loss(unet(given, t).sample, noise)
"""


@pytest.mark.parametrize(
    ("scaled", "given", "found"),
    [
        ("", "scheduler.add_noise(z, noise, t), mask, masked", True),
        (f" * {S}", "scheduler.add_noise(z, noise, t), mask, masked", False),
        # A condition beside the noisy latent, without a mask: given as encode gives it on purpose.
        ("", "scheduler.add_noise(z, noise, t), masked", False),
    ],
)
def test_the_latents_of_a_masked_picture(scaled: str, given: str, found: bool, tmp_path: Path) -> None:
    expected = [("VAE701", "step", 11)] if found else []
    assert places(tmp_path, step=INPAINT.format(scaled=scaled, given=given)) == expected


SAMPLE = """\
import torch
from diffusers import AutoencoderKL


def main(model, schedule):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-ema")
    z = torch.randn(8, 4, 32, 32)
    z = torch.cat([z, z])
    for i in range(50):
        z = schedule.mean[i] * z - schedule.rest[i] * model(z, i)
    z, _ = z.chunk(2, dim=0)
    return vae.decode({applied}).sample
"""
OWN = """\
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL


def train(model, x, t):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-ema")
    z = vae.encode(x).latent_dist.sample() * 0.18215
    noise = torch.randn_like(z)
    return F.mse_loss(model(z * (1 - t) + t * noise, t), noise)


def shown(model, z):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-ema")
    z = torch.randn(8, 4, 32, 32)
    for i in range(50):
        z = z - model(z, i) / 50
    return vae.decode(z / 0.18215).sample
"""


@pytest.mark.parametrize(("applied", "found"), [("z", True), ("z / 0.18215", False)])
def test_a_script_beside_a_training_that_shows_samples_itself(applied: str, found: bool, tmp_path: Path) -> None:
    expected = [("VAE701", "sample", 12)] if found else []
    assert places(tmp_path, train=OWN, sample=SAMPLE.format(applied=applied)) == expected


def test_scripts_of_another_folder_may_be_of_another_experiment(tmp_path: Path) -> None:
    assert places(tmp_path, **{"one/train": OWN, "two/sample": SAMPLE.format(applied="z")}) == []


CLEAN = """\
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL


def train(model, alphas, x, t):
    vae = AutoencoderKL.from_pretrained("somebody/a-vae")
    z = vae.encode(x).latent_dist.sample() * vae.config.scaling_factor
    noise = torch.randn_like(z)
    noisy = alphas[t].sqrt() * z + (1 - alphas[t]).sqrt() * noise
    predicted = model(noisy, t)
    clean = (noisy - (1 - alphas[t]).sqrt() * predicted) / {over}
    picture = vae.decode({applied}).sample
    return F.mse_loss(predicted, noise) + F.l1_loss(picture, x)
"""


@pytest.mark.parametrize(
    ("over", "applied", "found"),
    [
        ("alphas[t].sqrt()", "clean", True),
        ("alphas[t].sqrt()", f"clean / {S}", False),
        # What a name of this kind divides by may be the scale of the latents.
        ("model.norm", "clean", False),
    ],
)
def test_what_a_prediction_leaves_of_a_noisy_latent(over: str, applied: str, found: bool, tmp_path: Path) -> None:
    expected = [("VAE701", "train", 13)] if found else []
    assert places(tmp_path, train=CLEAN.format(over=over, applied=applied)) == expected
