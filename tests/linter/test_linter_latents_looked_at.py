"""Latents that are shown as a picture are mapped as one: no mistake, where nothing decodes what the map makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

TEXT = """
import torch
import torch.nn.functional as F
from PIL import Image
from diffusers import AutoencoderKL
from matplotlib import pyplot as plt
from torchvision.utils import make_grid, save_image

vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")


def write(picture, path):
    picture = picture.detach()
    if picture.min().item() < 0.0:
        picture = (picture + 1) / 2
    save_image(make_grid(picture.clamp(0, 1)), path)


def show(x, path, net=None, board=None):
    with torch.no_grad():
        z = vae.encode(x).latent_dist.sample()
    {shown}
"""
SHOWN = {
    "a helper for pictures": "write(z[:, :3].cpu(), path)",
    "a cut": "return ((z + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1).numpy()",
    "a cut to bytes": "return ((z / 2 + 0.5) * 255).clamp(0, 255).byte()",
    "a file": "save_image(z[:, :3] * 0.5 + 0.5, path)",
    "a board": "board.add_images('z', z[:, :3] / 2 + 0.5)",
    "a figure": "plt.imshow((z[0, :3] / 2 + 0.5).permute(1, 2, 0).cpu())",
}
USED = {
    "decoded": "return vae.decode(z / 2 + 0.5).sample",
    "cut and decoded": "return vae.decode((z / 2 + 0.5).clamp(0, 1)).sample",
    "mapped to [-1, 1] and decoded": "return vae.decode(z * 2 - 1).sample",
    "shown and decoded": "y = z / 2 + 0.5\n    save_image(y, path)\n    return vae.decode(y).sample",
    "shown and handed to a model": "y = z * 2 - 1\n    save_image(y, path)\n    return net(y)",
    "shown and compared": "y = z * 2 - 1\n    board.add_image('z', y)\n    F.mse_loss(net(x), y).backward()",
    "returned": "return z * 2 - 1",
}


def codes(folder: Path, shown: str) -> list[str]:
    (folder / "show.py").write_text(TEXT.format(shown=shown), encoding="utf-8")
    return [finding.code for finding in lint([folder]).findings]


@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN)
def test_latents_may_be_mapped_to_be_looked_at(shown: str, tmp_path: Path) -> None:
    assert "VAE704" not in codes(tmp_path, shown)


@pytest.mark.parametrize("used", USED.values(), ids=USED)
def test_latents_that_are_used_are_mapped_by_mistake(used: str, tmp_path: Path) -> None:
    assert "VAE704" in codes(tmp_path, used)
