"""Sizes that are listed from a tensor's shape and changed: how many there are stays unknown, and no noise is shared."""

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
    def __init__(self, rows=5):
        super().__init__()
        self.rows = rows
        self.trunk, self.mu, self.logvar = nn.Conv2d(3, 10, 3), nn.Conv2d(10, 7, 3), nn.Conv2d(10, 7, 3)
        self.back = nn.Linear(7, 28)

    def forward(self, x):
        h = torch.relu(self.trunk(x))
        mu, logvar = self.mu(h).view(-1, 7), self.logvar(h).view(-1, 7)
        {sizes}
        z = mu + torch.exp(0.5 * logvar) * torch.randn({given})
        return self.back(z), mu, logvar


def fit(loader):
    model = Autoencoder()
    optimizer = torch.optim.Adam(model.parameters())
    for x in loader:
        x_hat, mu, logvar = model(x)
        loss = F.mse_loss(x_hat, x, reduction="sum") - 0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
CHANGED = {
    "the batch's": "size = list(mu.shape)\n        size[0] = self.rows",
    "the batch's by a number": "size = list(mu.size())\n        size[0] = 5",
    "the last": "size = list(mu.shape)\n        size[-1] = 7",
    "of a display": "size = [*mu.shape]\n        size[-1] = 7",
}


def found(sizes: str, given: str, folder: Path) -> tuple[bool, bool]:
    """Whether VAE203 is found, and whether it is called clean."""
    (folder / "model.py").write_text(SCENE.format(sizes=sizes, given=given))
    (vae,) = (each for each in all_examined(lint([folder])) if each.is_vae)
    return "VAE203" in vae.found, "VAE203" in vae.clean


@pytest.mark.parametrize("given", ["size", "*size"])
@pytest.mark.parametrize("sizes", CHANGED.values(), ids=CHANGED)
def test_sizes_of_which_one_is_changed_share_no_noise(sizes: str, given: str, tmp_path: Path) -> None:
    assert found(sizes, given, tmp_path) == (False, False)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("7", (True, False)), ("1, 7", (True, False)), ("mu.shape", (False, True)), ("mu.shape[0], 7", (False, True))],
)
def test_sizes_that_are_written_out_are_judged(given: str, expected: tuple[bool, bool], tmp_path: Path) -> None:
    assert found("pass", given, tmp_path) == expected
