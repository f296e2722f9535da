"""Activations at the end of a decoder whose loss applies the sigmoid itself."""

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
        self.enc, self.dec = nn.Linear(784, 40), {dec}

    def forward(self, x):
        mu, logvar = self.enc(x).chunk(2, 1)
        return self.dec(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)){scaled}, mu, logvar


def train({given}):
    net = VAE()
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in {loader}:
        x = x.flatten(1)
        y, mu, logvar = net(x)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        loss = F.binary_cross_entropy_with_logits(y, x, reduction="sum") + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
MNIST = 'DataLoader(datasets.MNIST(".", transform=transforms.ToTensor()), 32)'
LOADERS = {"data of any range": ("loader", "loader"), "pictures": ("", MNIST)}


def found(tmp_path: Path, end: str, scaled: str, given: str, loader: str) -> list[str]:
    dec = f"nn.Sequential(nn.Linear(20, 784), {end})" if end else "nn.Linear(20, 784)"
    return codes(linted(tmp_path, {"vae.py": MODULE.format(dec=dec, scaled=scaled, given=given, loader=loader)}))


@pytest.mark.parametrize(("given", "loader"), LOADERS.values(), ids=LOADERS)
@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("nn.ReLU()", "VAE406"),
        ("nn.ELU()", "VAE406"),
        ("nn.Softplus()", "VAE406"),
        ("nn.GELU()", "VAE406"),
        ("nn.Tanh()", "VAE405"),
        ("nn.Sigmoid()", "VAE401"),
    ],
)
def test_what_leaves_a_part_to_the_sigmoid_of_the_loss(
    end: str, code: str, given: str, loader: str, tmp_path: Path
) -> None:
    assert found(tmp_path, end, "", given, loader) == [code]


@pytest.mark.parametrize(("given", "loader"), LOADERS.values(), ids=LOADERS)
@pytest.mark.parametrize(
    ("end", "scaled"),
    [("", ""), ("nn.LeakyReLU()", ""), ("nn.Tanh()", " * 10"), ("nn.Softplus()", " - 5"), ("nn.ELU(alpha=9.0)", "")],
)
def test_logits_that_reach_both_ends_are_right(end: str, scaled: str, given: str, loader: str, tmp_path: Path) -> None:
    assert found(tmp_path, end, scaled, given, loader) == []
