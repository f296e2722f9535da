"""A posterior that layers of the code make is none of a VAE that is loaded: its draws may be on any scale."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

TEXT = """\
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch import nn

vae = AutoencoderKL.from_pretrained("somebody/a-vae")
S = vae.config.scaling_factor


class Aligner(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.body, self.moments = nn.Conv2d(3, width, 4, stride=4), nn.Conv2d(width, 8, 1)

    def forward(self, x):
        return self.moments(F.silu(self.body(x)))


def step(aligner: Aligner, model, scheduler, loader, noise, t):
    for x, stored in loader:
        z = DiagonalGaussianDistribution({moments}).sample()
        {use}


def draw(model, scheduler, z):
    for t in scheduler.timesteps:
        z = scheduler.step(model(z, t), t, z).prev_sample
    return vae.decode(z / S).sample
"""
DECODED = "F.l1_loss(vae.decode(z / S).sample, x).backward()"
NOISED = "(model(scheduler.add_noise(z, noise, t), t) - noise).square().mean().backward()"


@pytest.mark.parametrize(
    ("moments", "use", "found"),
    [
        ("stored", DECODED, True),
        ("vae.quant_conv(vae.encoder(x))", DECODED, True),
        ("aligner(x)", DECODED, False),
        ("aligner(x) + aligner(stored)", DECODED, False),
        ("stored", NOISED, True),
        ("aligner(x)", NOISED, False),
    ],
)
def test_a_draw_of_another_model_is_no_latent_of_a_vae(moments: str, use: str, found: bool, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TEXT.format(moments=moments, use=use), encoding="utf-8")
    assert [finding.code for finding in lint([tmp_path], select=["VAE7"]).findings] == ["VAE701"] * found
