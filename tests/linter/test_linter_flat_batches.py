"""A batch that is flattened into one row: its latents have no axis for the samples."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

MODULE = """\
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.flatten = nn.Conv2d(1, 8, 3, 2), {layer}
        self.mu, self.logvar = nn.Linear(5408, 19), nn.Linear(5408, 19)
        self.back = nn.Linear(19, 3136)

    def forward(self, x):
        h = {call}
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn(19)
        x_hat = torch.sigmoid(self.back(z)).view(-1, 1, 28, 28)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=0)
        return F.binary_cross_entropy(x_hat, x, reduction="sum") + kl.sum()


def train():
    net = VAE()
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in DataLoader(datasets.MNIST(".", transform=transforms.ToTensor()), 4):
        optimizer.zero_grad()
        net(x).backward()
        optimizer.step()
"""

FLAT = {
    "a layer from the batch on": ("nn.Flatten(start_dim=0, end_dim=3)", "self.flatten(self.conv(x))"),
    "a layer from the batch to the end": ("nn.Flatten(0)", "self.flatten(self.conv(x))"),
    "a layer from an axis that is not known": ("nn.Flatten(first())", "self.flatten(self.conv(x))"),
    "a method": ("None", "self.conv(x).flatten()"),
    "a function": ("None", "torch.flatten(self.conv(x), 0, 3)"),
}


@pytest.mark.parametrize(("layer", "call"), FLAT.values(), ids=FLAT)
def test_one_row_of_a_flattened_batch_shares_no_noise(layer: str, call: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"vae.py": MODULE.format(layer=layer, call=call)})) == []


@pytest.mark.parametrize(("layer", "call"), FLAT.values(), ids=FLAT)
def test_the_first_axis_of_a_flattened_batch_is_none_of_samples(layer: str, call: str, tmp_path: Path) -> None:
    loss = 'F.binary_cross_entropy(x_hat, x, reduction="sum") + kl.sum()'
    text = MODULE.format(layer=layer, call=call).replace(loss, "F.mse_loss(x_hat, x) + kl.mean()")
    assert codes(linted(tmp_path, {"vae.py": text.replace("randn(19)", "randn_like(mu)")})) == []


def test_an_error_of_flattened_pictures_is_reduced_as_it_is_written(tmp_path: Path) -> None:
    loss = "F.binary_cross_entropy(x_hat.view(-1), x.view(-1)) + kl.sum()"
    text = MODULE.format(layer="nn.Flatten()", call="self.flatten(self.conv(x))").replace("randn(19)", "randn_like(mu)")
    flat = text.replace('F.binary_cross_entropy(x_hat, x, reduction="sum") + kl.sum()', loss)
    assert codes(linted(tmp_path, {"vae.py": flat})) == ["VAE502", "VAE504"]


KEPT = {
    "a layer": ("nn.Flatten()", "self.flatten(self.conv(x))"),
    "a layer by its defaults": ("nn.Flatten(start_dim=1, end_dim=-1)", "self.flatten(self.conv(x))"),
    "a method": ("None", "self.conv(x).flatten(1)"),
}


@pytest.mark.parametrize(("layer", "call"), KEPT.values(), ids=KEPT)
def test_rows_of_a_batch_share_the_noise_of_one_row(layer: str, call: str, tmp_path: Path) -> None:
    assert "VAE203" in codes(linted(tmp_path, {"vae.py": MODULE.format(layer=layer, call=call)}))
