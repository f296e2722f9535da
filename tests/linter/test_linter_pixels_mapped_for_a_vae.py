"""Pictures that are mapped to [0, 1] just before a VAE of [-1, 1] encodes them, wherever they come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

TEXT = """\
import torch
from diffusers import AutoencoderKL


def train(net, loader, schedule, optimizer):
    vae = AutoencoderKL.from_pretrained("{loaded}", subfolder="vae")
    vae.requires_grad_(False)
    for batch in loader:
        x = batch["picture"]
        {mapped}
        with torch.no_grad():
            z = vae.encode(x).latent_dist.sample() * vae.config.scaling_factor
        noise = torch.randn_like(z)
        t = torch.randint(0, 1000, (z.shape[0],))
        loss = (net(schedule.add_noise(z, noise, t), t) - noise).pow(2).mean()
        loss.backward()
        optimizer.step()
"""
SD = "runwayml/stable-diffusion-v1-5"


@pytest.mark.parametrize(
    ("mapped", "found"),
    [
        ("x = (x + 1) / 2", True),
        ("x = x * 0.5 + 0.5", True),
        ("x = (x / 2 + 0.5).to(torch.float16)", True),
        ("x = x.add(1).div(2)", True),
        ("x = ((x + 1) / 2) * 2 - 1", False),
        ("x = x * 2 - 1", False),
        ("x = x / 2", False),
        ("x = x + 0.5", False),
        ("x = (x + 1) / 2 if batch['wide'] else x", False),
        ("x = (x + 1) / 2\n        x = (x - batch['mean']) / batch['std']", False),
    ],
)
def test_pictures_that_are_mapped_to_the_unit_interval_are_named(mapped: str, found: bool, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TEXT.format(loaded=SD, mapped=mapped), encoding="utf-8")
    assert [finding.code for finding in lint([tmp_path]).findings] == ["VAE704"] * found


def test_nothing_is_said_of_a_vae_that_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TEXT.format(loaded="me/mine", mapped="x = (x + 1) / 2"), encoding="utf-8")
    assert lint([tmp_path]).findings == ()


TRAINING = """\
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torchvision import datasets, transforms

vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-ema")


def train(folder, model, optimizer):
    pictures = transforms.Compose([transforms.Resize(72), transforms.ToTensor(){further}])
    for x, _label in torch.utils.data.DataLoader(datasets.ImageFolder(folder, pictures), batch_size=6):
        with torch.no_grad():
            z = vae.encode(x).latent_dist.sample()
        noise = torch.randn_like(z)
        loss = F.mse_loss(model(z + noise), noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
DRAWING = """\
import torch
from diffusers import AutoencoderKL
from torchvision.utils import save_image


def draw(model, path):
    vae = AutoencoderKL.from_pretrained("stabilityai/{loaded}")
    with torch.no_grad():
        save_image(vae.decode(model(torch.randn(3, 4, 9, 9))).sample, path)
"""
SYMMETRIC = ", transforms.Normalize([0.5], [0.5])"
# How the pictures are mapped that the project encodes, by which VAE others are drawn, and which file is to be mended.
DRAWN = {
    "as they were encoded": ("", "sd-vae-ft-ema", ["train.py"]),
    "otherwise than they were encoded": (SYMMETRIC, "sd-vae-ft-ema", ["draw.py"]),
    "by another VAE": ("", "sd-vae-ft-mse", ["draw.py", "train.py"]),
}


@pytest.mark.parametrize(("further", "loaded", "expected"), DRAWN.values(), ids=DRAWN)
def test_what_is_decoded_has_the_range_of_what_another_file_encodes(
    further: str, loaded: str, expected: list[str], tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text(TRAINING.format(further=further), encoding="utf-8")
    (tmp_path / "draw.py").write_text(DRAWING.format(loaded=loaded), encoding="utf-8")
    found = [finding for finding in lint([tmp_path]).findings if finding.code == "VAE704"]
    assert sorted(Path(finding.place.path).name for finding in found if finding.place) == expected
