"""Means that are decoded without noise where the latents are classified as well: several errors with one KL."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

MODULE = """\
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.mu, self.logvar = nn.Linear(84, 33), nn.Linear(33, 7), nn.Linear(33, 7)
        self.dec, self.classes = nn.Linear(7, 84), nn.Linear(7, 5)

    def forward(self, x):
        h = F.relu(self.enc(x))
        mu, logvar = self.mu(h), self.logvar(h)
        z = {z}
        return self.dec({decoded}), self.classes({classified}), mu, logvar


def train(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x, label in loader:
        x_hat, scores, mu, logvar = net(x)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        loss = {error} + kl + F.cross_entropy(scores, label, reduction="sum")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
DRAWN = "mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)"
ERROR = 'F.mse_loss(x_hat, x, reduction="sum")'


@pytest.mark.parametrize("z", ["mu", "mu.clone()", "mu + torch.zeros_like(mu) * torch.exp(0.5 * logvar)"])
def test_a_mean_that_is_decoded_and_classified_is_no_sample(z: str, tmp_path: Path) -> None:
    text = MODULE.format(z=z, decoded="z", classified="z", error=ERROR)
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE207"]


@pytest.mark.parametrize("classified", ["z", "mu"])
def test_a_mean_may_be_classified_beside_a_sample_that_is_decoded(classified: str, tmp_path: Path) -> None:
    text = MODULE.format(z=DRAWN, decoded="z", classified=classified, error=ERROR)
    assert codes(linted(tmp_path, {"net.py": text})) == []


def test_noise_of_a_call_that_is_not_read_is_left_open(tmp_path: Path) -> None:
    text = MODULE.format(z="draw(mu, logvar)", decoded="z", classified="z", error=ERROR)
    assert codes(linted(tmp_path, {"net.py": text})) == []
