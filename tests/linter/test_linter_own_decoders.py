"""Samples that a VAE of the project decodes, whose own code is read as the model that it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

MODEL = """
import torch
import torch.nn as nn
import torch.nn.functional as F


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.mu, self.logvar = nn.Conv2d(3, 8, 4, 4), nn.Conv2d(8, 5, 1), nn.Conv2d(8, 5, 1)
        self.up = nn.ConvTranspose2d(5, 3, 4, 4)

    def encode(self, x):
        h = F.relu(self.down(x))
        return self.mu(h), self.logvar(h)

    def decode(self, z):
        return torch.tanh(self.up(z))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu + torch.exp(0.5 * logvar) * torch.randn_like(logvar)), mu, logvar


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(5, 5, 3, padding=1)

    def forward(self, z, t):
        return self.layer(z)


class Sampler:
    def heun(self, model, shape, steps=20):
        z = torch.randn(shape)
        for i in range(steps):
            z = z - model(z, i / steps) / steps
        return {returned}
"""
TRAINER = """
import torch
import torch.nn as nn
import torch.nn.functional as F
from model import Net, Own, Sampler


class Trainer:
    def __init__(self, {parameter}):
        self.vae = vae.eval().requires_grad_(False)
        self.net, self.near = Net(), nn.L1Loss()
        self.optimizer = torch.optim.AdamW(self.net.parameters())

    def step(self, x, t):
        with torch.no_grad():
            z, _ = self.vae.encode(x)
        noise = torch.randn_like(z)
        noisy = (1 - t) * z + t * noise
        predicted = self.net(noisy, t)
        loss = F.mse_loss(predicted, noise - z)
        with {block}:
            picture = self.vae.decode(noisy - t * predicted)
        loss = loss + 0.1 * self.near(picture, x)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    @torch.no_grad()
    def sample(self, count):
        return self.vae.decode(Sampler().heun(self.net, (count, 5, 16, 24)))
"""


@pytest.mark.parametrize(("parameter", "second"), [("vae: Own", "logvar"), ("vae", "logvar"), ("vae: Own", "s")])
def test_samples_that_an_own_vae_decodes_are_followed(parameter: str, second: str, tmp_path: Path) -> None:
    for folder, returned, block, codes in (
        ("wrong", "z.clamp(-1, 1)", "torch.no_grad()", [("VAE705", 22), ("VAE707", 39)]),
        ("right", "z", "torch.enable_grad()", []),
    ):
        (tmp_path / folder).mkdir()
        trainer = TRAINER.replace("{block}", block).replace("{parameter}", parameter)
        for name, text in (("model", MODEL.replace("{returned}", returned)), ("trainer", trainer)):
            (tmp_path / folder / f"{name}.py").write_text(text.replace("logvar", second), encoding="utf-8")
        found = lint([tmp_path / folder]).findings
        assert sorted((each.code, each.place.line) for each in found if each.place) == codes


def test_a_reconstruction_that_is_held_against_another_is_no_sample(tmp_path: Path) -> None:
    step = """

def fit(vae, other, x, optimizer):
    mine = Own()
    recon, mu, logvar = mine(x)
    with torch.no_grad():
        kept = mine.decode(mu)
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    loss = F.mse_loss(recon, x, reduction="sum") + kl + F.l1_loss(kept, x)
    loss.backward()
    return loss
"""
    (tmp_path / "model.py").write_text(MODEL.replace("{returned}", "z") + step, encoding="utf-8")
    assert [finding.code for finding in lint([tmp_path]).findings] == []
