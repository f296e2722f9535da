"""Both heads as parts of what one layer makes: apart they are two heads, and the same part twice is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint
from vae_checked.reports import all_examined

SCENE = """\
import torch
from torch import nn
from torch.nn import functional as F


class Autoencoder(nn.Module):
    def __init__(self, latents=7):
        super().__init__()
        self.latents = latents
        self.heads = nn.Sequential(nn.Linear(28, 60), nn.ReLU(), nn.Linear(60, 2 * latents))
        self.back = nn.Linear(latents, 28)

    def forward(self, x, picked=None):
        h = self.heads(x)
        {heads}
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.back(z), mu, logvar


def fit(loader, places):
    model = Autoencoder()
    optimizer = torch.optim.Adam(model.parameters())
    for x in loader:
        x_hat, mu, logvar = model(x, places)
        loss = F.mse_loss(x_hat, x, reduction="sum") - 0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
APART = {
    "chunks": "mu, logvar = h.chunk(2, dim=1)",
    "chunks by number": "halves = torch.chunk(h, 2, dim=1)\n        mu, logvar = halves[1], halves[0]",
    "an axis of its own": "h = h.view(-1, 2, 7)\n        mu, logvar = h[:, 0, :], h[:, 1, :]",
    "the last of an axis": "h = h.view(-1, 7, 2)\n        mu, logvar = h[..., 0], h[..., 1]",
    "slices at a number": "mu, logvar = h[:, :7], h[:, 7:]",
    "slices at an attribute": "mu, logvar = h[:, : self.latents], h[:, self.latents :]",
    "slices with a gap": "mu, logvar = h[:, 0:6], h[:, 7:13]",
    "slices from the right": "mu, logvar = h[:, :-7], h[:, -7:]",
}
OPEN = {
    "slices that overlap": "mu, logvar = h[:, :7], h[:, 6:13]",
    "slices from both sides": "mu, logvar = h[:, :7], h[:, -7:]",
    "an axis from both sides": "h = h.view(-1, 2, 7)\n        mu, logvar = h[:, 0, :], h[:, -1, :]",
    "slices that meet from both sides": "mu, logvar = h[:, :-5], h[:, 5:]",
    "the first of another axis": "h = h.view(-1, 7, 2)\n        mu, logvar = h[..., 0], h[:, 1]",
    "masks": "mu, logvar = h[:, picked], h[:, ~picked]",
    "slices at what is given": "mu, logvar = h[:, : picked[0]], h[:, picked[1] :]",
    "other axes": "h = h.view(-1, 7, 2)\n        mu, logvar = h[:, :, 0], h[..., 1]",
}
TWICE = {
    "a chunk twice": "mu, _ = h.chunk(2, dim=1)\n        logvar, _ = h.chunk(2, dim=1)",
    "a slice twice": "mu, logvar = h[:, :7], h[:, :7]",
}


def standing(heads: str, folder: Path) -> tuple[bool, bool]:
    """Whether VAE205 is found, and whether it is called clean."""
    (folder / "model.py").write_text(SCENE.format(heads=heads))
    (vae,) = (each for each in all_examined(lint([folder])) if each.is_vae)
    return "VAE205" in vae.found, "VAE205" in vae.clean


@pytest.mark.parametrize("heads", APART.values(), ids=APART)
def test_parts_that_have_nothing_in_common_are_two_heads(heads: str, tmp_path: Path) -> None:
    assert standing(heads, tmp_path) == (False, True)


@pytest.mark.parametrize("heads", OPEN.values(), ids=OPEN)
def test_parts_that_may_overlap_leave_it_open(heads: str, tmp_path: Path) -> None:
    assert standing(heads, tmp_path) == (False, False)


@pytest.mark.parametrize("heads", TWICE.values(), ids=TWICE)
def test_one_part_twice_is_named(heads: str, tmp_path: Path) -> None:
    assert standing(heads, tmp_path) == (True, False)
