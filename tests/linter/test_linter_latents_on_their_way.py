"""What is done to latents between two helpers, by an inherited schedule, per channel, and to bytes behind `decode`."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

HEAD = """\
import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, AutoencoderKLWan
from PIL import Image
"""


def codes(folder: Path, **files: str) -> list[str]:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(HEAD + text, encoding="utf-8")
    return [finding.code for finding in lint([folder]).findings if finding.severity != "info"]


HELPERS = """
@torch.no_grad()
def to_latents(vae, pictures):
    return vae.encode(pictures).latent_dist.sample() * vae.config.scaling_factor


@torch.no_grad()
def to_pictures(vae, z):
    return vae.decode(z / vae.config.scaling_factor).sample
"""
USER = """
from helpers import to_latents, to_pictures


def fit(net, loader, place):
    vae = AutoencoderKL.from_pretrained(place)
    for pictures in loader:
        z = {trained}
        noise, t = torch.randn_like(z), torch.rand(len(z))[:, None, None, None]
        F.mse_loss(net((1 - t) * z + t * noise, t), noise - z).backward()
    z = torch.randn(5, 4, 24, 32)
    for t in torch.linspace(1, 0, 50):
        z = z - net(z, t) / 50
    return to_pictures(vae, {sampled})
"""
SCALED = "to_latents(vae, pictures)"


@pytest.mark.parametrize(
    ("trained", "sampled", "found"),
    [
        (SCALED, "z", []),
        (f"{SCALED} * vae.config.scaling_factor", "z", ["VAE701"]),
        (f"{SCALED} * vae.config.scaling_factor", "z / vae.config.scaling_factor", []),
        (SCALED, "z / vae.config.scaling_factor", ["VAE701"]),
    ],
)
def test_what_a_helper_scaled_may_be_scaled_once_more(
    trained: str, sampled: str, found: list[str], tmp_path: Path
) -> None:
    assert codes(tmp_path, helpers=HELPERS, user=USER.format(trained=trained, sampled=sampled)) == found


ENGINE = """
from diffusion_library import Diffusion, build


class Engine(Diffusion):
    def __init__(self, entries, scale_factor=1.0):
        super().__init__()
        self.scale_factor = scale_factor
        self.first_stage_model = build(entries).eval().requires_grad_(False)
        self.net = build(entries)

    def encode(self, x):
        return self.first_stage_model.encode(x).sample() * self.scale_factor

    def decode(self, z):
        return self.first_stage_model.decode({before})

    def training_step(self, batch, number):
        z = self.encode(batch["pictures"])
        noise, t = torch.randn_like(z), torch.randint(0, 1000, (len(z),))
        return ((self.net(self.q_sample(z, t, noise), t) - noise) ** 2).mean()

    def show(self, sampler):
        return self.decode(sampler.sample(self.net, (5, 4, 24, 32)))
"""


@pytest.mark.parametrize(("before", "found"), [("z / self.scale_factor", []), ("z", ["VAE701"])])
def test_samples_come_of_a_sampler(before: str, found: list[str], tmp_path: Path) -> None:
    assert codes(tmp_path, engine=ENGINE.format(before=before)) == found


CHANNELS = """
class Trainer:
    def __init__(self, place, net):
        self.vae = AutoencoderKLWan.from_pretrained(place, subfolder="vae").requires_grad_(False)
        self.net = net
        self.mean = torch.tensor(self.vae.config.latents_mean).view(1, -1, 1, 1, 1)
        self.std = torch.tensor(self.vae.config.latents_std).view(1, -1, 1, 1, 1)

    def step(self, film):
        z = {applied}
        noise, t = torch.randn_like(z), torch.rand(len(z))[:, None, None, None, None]
        return F.mse_loss(self.net((1 - t) * z + t * noise, t), noise - z)

    def show(self):
        z = torch.randn(5, 16, 3, 24, 32)
        for t in torch.linspace(1, 0, 50):
            z = z - self.net(z, t) / 50
        return self.vae.decode({undone}).sample
"""
RAW = "self.vae.encode(film).latent_dist.sample()"


@pytest.mark.parametrize(
    ("applied", "undone", "found"),
    [
        (f"({RAW} - self.mean) / self.std", "z * self.std + self.mean", set()),
        (f"({RAW} - self.mean) * self.std", "z / self.std + self.mean", {"VAE701"}),
        (f"({RAW} - self.mean) * self.std", "z * self.std + self.mean", {"VAE701"}),
    ],
)
def test_deviations_of_channels_divide(applied: str, undone: str, found: set[str], tmp_path: Path) -> None:
    """Both ends may agree: a factor for each channel is one over what its deviation is."""
    assert set(codes(tmp_path, trainer=CHANNELS.format(applied=applied, undone=undone))) == found


SHIFTED = """
def fit(net, loader, place):
    vae = AutoencoderKL.from_pretrained(place).requires_grad_(False)
    for pictures in loader:
        z = vae.encode(pictures).latent_dist.sample()
        z = {applied}
        noise, t = torch.randn_like(z), torch.rand(len(z))[:, None, None, None]
        F.mse_loss(net((1 - t) * z + t * noise, t), noise - z).backward()
"""


@pytest.mark.parametrize(
    ("applied", "found"),
    [
        ("(z - vae.config.shift_factor) * vae.config.scaling_factor", []),
        ("(z + vae.config.shift_factor) * vae.config.scaling_factor", ["VAE702"]),
        ("z * vae.config.scaling_factor + vae.config.shift_factor", ["VAE702"]),
        ("(z + vae.config.bias) * vae.config.scaling_factor", []),
    ],
)
def test_a_shift_with_the_wrong_sign_is_named(applied: str, found: list[str], tmp_path: Path) -> None:
    assert codes(tmp_path, fit=SHIFTED.format(applied=applied)) == found


BYTES = """
def show(net, scheduler):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")
    z = torch.randn(5, 4, 24, 32)
    for t in scheduler.timesteps:
        z = scheduler.step(net(z, t), t, z).prev_sample
    x = vae.decode(z / vae.config.scaling_factor).sample[0].permute(1, 2, 0).cpu()
    Image.fromarray({made}).save("one.png")
"""


@pytest.mark.parametrize(
    ("made", "found"),
    [
        ("(x.numpy() * 255).astype(np.uint8)", ["VAE704"]),
        ("(x.numpy() * 255).round().astype('uint8')", ["VAE704"]),
        ("(x * 255).byte().numpy()", ["VAE704"]),
        ("(x * 255).to(torch.uint8).numpy()", ["VAE704"]),
        ("(x * 127.5 + 127.5).to(torch.uint8).numpy()", []),
        ("((x / 2 + 0.5) * 255).numpy().astype(np.uint8)", []),
        ("(x.abs() * 255).numpy().astype(np.uint8)", []),
        ("(x * 255).numpy().astype(np.float32)", []),
    ],
)
def test_bytes_are_made_of_pictures_in_0_and_1(made: str, found: list[str], tmp_path: Path) -> None:
    assert codes(tmp_path, show=BYTES.format(made=made)) == found
