"""Data that another network makes: it is cut off on purpose where the optimizer of the VAE is given none of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

_ALIGNED = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision
from torch.utils.data import DataLoader
from torchvision import transforms


class Aligner(nn.Module):
    def __init__(self):
        super().__init__()
        self.seen = nn.Sequential(nn.Conv2d(1, 5, 7), nn.ReLU(), nn.Flatten())
        self.moved = nn.Linear(5 * 22 * 22, 6)

    def forward(self, x):
        theta = self.moved(self.seen(x)).view(-1, 2, 3)
        return F.grid_sample(x, F.affine_grid(theta, x.size()))


class VAE(nn.Module):
    def __init__(self, latents=7):
        super().__init__()
        self.enc = nn.Sequential(nn.Flatten(), nn.Linear(784, 90), nn.ReLU())
        self.mu, self.logvar = nn.Linear(90, latents), nn.Linear(90, latents)
        self.dec = nn.Sequential(nn.Linear(latents, 90), nn.ReLU(), nn.Linear(90, 784))

    def forward(self, x):
        h = {hidden}
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        return self.dec(z).view(-1, 1, 28, 28), mu, logvar


def train(net, aligner, loader):
    optimizer = torch.optim.Adam({held})
    for x, _ in loader:
        {made}
        optimizer.zero_grad()
        x_hat, mu, logvar = net(x)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        loss = F.mse_loss(x_hat, x, reduction="sum") + kl
        loss.backward()
        optimizer.step()


aligner = Aligner()
aligner.load_state_dict(torch.load("aligner.pt"))
pictures = torchvision.datasets.FashionMNIST("d", transform=transforms.ToTensor())
train(VAE(), aligner.eval(), DataLoader(pictures, batch_size=5))
"""
_WHOLE, _CUT = "self.enc(x)", "self.enc(x).detach()"
_MADE = {"detached": "x = aligner(x).detach()", "its data": "x = aligner(x).data"}


def _found(tmp_path: Path, hidden: str, held: str, made: str) -> tuple[list[str], set[str]]:
    text = _ALIGNED.format(hidden=hidden, held=held, made=made)
    (tmp_path / "net.py").write_text(text, encoding="utf-8")
    report = lint([tmp_path])
    return [each.code for each in report.findings], {code for each in report.judgements for code in each.clean}


@pytest.mark.parametrize("made", _MADE.values(), ids=_MADE)
@pytest.mark.parametrize("held", ["net.parameters()", "[{'params': net.parameters()}]", "list(net.parameters())"])
def test_what_another_network_makes_is_cut_off_on_purpose(held: str, made: str, tmp_path: Path) -> None:
    found, clean = _found(tmp_path, _WHOLE, held, made)
    assert found == []
    assert "VAE601" not in clean


@pytest.mark.parametrize("held", ["[*net.parameters(), *aligner.parameters()]"])
def test_a_network_that_is_to_learn_and_is_cut_off_is_still_named(held: str, tmp_path: Path) -> None:
    assert _found(tmp_path, _WHOLE, held, _MADE["detached"])[0] == ["VAE601"]


@pytest.mark.parametrize("made", ["pass", _MADE["detached"]])
def test_an_encoder_that_is_cut_off_is_still_named(made: str, tmp_path: Path) -> None:
    assert _found(tmp_path, _CUT, "net.parameters()", made)[0] == ["VAE601"]
