"""Pictures of which only the map is known that they go through before `encode`: bytes are what is divided by 255."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

TEXT = """\
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL


class World(torch.nn.Module):
    def __init__(self, net, place):
        super().__init__()
        self.vae = AutoencoderKL.from_pretrained({place}).requires_grad_(False)
        self.net = net

    @torch.no_grad()
    def embed(self, frames):
        count, steps = frames.shape[:2]
        x = frames.reshape(count * steps, *frames.shape[2:])
        return self.vae.encode(x).latent_dist.mode() * self.vae.config.scaling_factor

    def loss(self, batch):
        z = self.embed({frames})
        noise, t = torch.randn_like(z), torch.rand(len(z))[:, None, None, None]
        return F.mse_loss(self.net((1 - t) * z + t * noise, t, batch["action"]), noise - z)
"""
KNOWN = '"stabilityai/sd-vae-ft-mse"'


@pytest.mark.parametrize(
    ("frames", "place", "found"),
    [
        ('batch["frames"].float() / 255', KNOWN, True),
        ('batch["frames"].to(torch.float32).div(255.0)', KNOWN, True),
        ('batch["frames"].float() / 255 * 2 - 1', KNOWN, False),
        ('batch["frames"].float() / 127.5 - 1', KNOWN, False),
        ('batch["frames"].float() / 256', KNOWN, False),
        ('batch["frames"]', KNOWN, False),
        # A VAE of one's own may have been trained on such pictures.
        ('batch["frames"].float() / 255', "place", False),
        ('batch["frames"].float() / 255', '"out/my-vae"', False),
    ],
)
def test_what_is_divided_by_255_lies_in_0_and_1(frames: str, place: str, found: bool, tmp_path: Path) -> None:
    (tmp_path / "world.py").write_text(TEXT.format(frames=frames, place=place), encoding="utf-8")
    assert [finding.code for finding in lint([tmp_path]).findings] == ["VAE704"] * found
