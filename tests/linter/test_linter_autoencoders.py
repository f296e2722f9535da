"""Autoencoders without noise: one that only shows the KL of what it inherits is no VAE that forgot its noise."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

PLAIN = """
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 33)

    def draw(self, m, s):
        return m + torch.exp(0.5 * s) * torch.randn_like(s)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(self.draw(m, s)), m, s


class Plain(Net):
    def draw(self, m, s):
        return m


def fit(loader):
    net = Plain()
    for x in loader:
        y, m, s = net(x)
        error = F.mse_loss(y, x)
        kl = torch.mean(-0.5 * torch.sum(1 + s - m ** 2 - s.exp(), dim=1), dim=0)
        losses = {{"loss": {loss}, "error": error, "kl": kl}}
        losses["loss"].backward()
"""


@pytest.mark.parametrize(("loss", "expected"), [("error", []), ("error + 0.1 * kl", ["VAE207"])])
def test_an_autoencoder_that_shows_a_kl_needs_no_noise(loss: str, expected: list[str], tmp_path: Path) -> None:
    path = tmp_path / "plain.py"
    path.write_text(PLAIN.format(loss=loss), encoding="utf-8")
    assert sorted({finding.code for finding in lint([path]).findings} - {"VAE502"}) == expected


MODES = """
class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 33)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s) if self.training else m
        return self.back(z), m, s


def fit(loader, optimizer):
    net = Plain()
    for x in loader:
        optimizer.zero_grad()
        loss(x, *net(x)).backward()
        optimizer.step()


def loss(x, y, m, s):
    return F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m ** 2 - s.exp())


def test(loader):
    net = Plain()
    net.training = False
    total = 0.0
    {block}
        for x in loader:
            y, m, s = net(x)
            lost = loss(x, y, m, s)
            {use}
    return total
"""
HEADER = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\n"


@pytest.mark.parametrize(
    ("block", "use", "expected"),
    [
        ("with torch.no_grad():", "total += lost.item()", []),
        ("if True:", "lost.backward()", ["VAE207"]),
    ],
)
def test_a_model_that_is_tested_needs_no_noise(block: str, use: str, expected: list[str], tmp_path: Path) -> None:
    path = tmp_path / "modes.py"
    path.write_text(HEADER + MODES.format(block=block, use=use), encoding="utf-8")
    assert sorted({finding.code for finding in lint([path]).findings}) == expected
