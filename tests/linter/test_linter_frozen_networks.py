"""Networks that a loop keeps as they are: what else no optimizer holds is forgotten all the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

MODULE = """\
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import vgg16


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.mu, self.logvar = nn.Linear(84, 33), nn.Linear(33, 7), nn.Linear(33, 7)
        self.decoder = nn.Sequential(nn.Linear(7, 84), nn.Sigmoid())

    def forward(self, x):
        h = F.relu(self.enc(x))
        mu, logvar = self.mu(h), self.logvar(h)
        return self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


def train(loader):
    net = VAE()
    features = vgg16().features.eval()
    for each in {frozen}.parameters():
        each.requires_grad = False
    optimizer = torch.optim.Adam({held})
    for x, _ in loader:
        x_hat, mu, logvar = net(x)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        loss = F.binary_cross_entropy(x_hat, x, reduction="sum") + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def found(tmp_path: Path, frozen: str, held: str) -> list[str]:
    return codes(linted(tmp_path, {"net.py": MODULE.format(frozen=frozen, held=held)}))


@pytest.mark.parametrize("frozen", ["features", "net.decoder"])
def test_what_is_kept_as_it_is_hides_no_forgotten_encoder(frozen: str, tmp_path: Path) -> None:
    assert found(tmp_path, frozen, "net.decoder.parameters()") == ["VAE602"]


@pytest.mark.parametrize("made", ["pick(net)", "vgg16(net).features", "getattr(net, PART)"])
def test_a_frozen_network_that_may_be_a_part_leaves_it_open(made: str, tmp_path: Path) -> None:
    text = MODULE.replace("vgg16().features.eval()", made)
    assert text != MODULE
    given = text.format(frozen="features", held="net.decoder.parameters()")
    assert codes(linted(tmp_path, {"net.py": given})) == []


@pytest.mark.parametrize("off", ["requires_grad = False", "requires_grad_(False)"])
def test_parts_that_are_frozen_by_one_loop_are_not_all_known(off: str, tmp_path: Path) -> None:
    loop = "    for each in {frozen}.parameters():\n        each.requires_grad = False\n"
    assert loop in MODULE
    parts = "(getattr(net, PART), nn.Linear(7, 7))"
    text = MODULE.replace(
        loop, f"    for part in {parts}:\n        for each in part.parameters():\n            each.{off}\n"
    )
    assert codes(linted(tmp_path, {"net.py": text.format(held="net.decoder.parameters()")})) == []


@pytest.mark.parametrize(
    ("frozen", "held"),
    [
        ("features", "net.parameters()"),
        # A first stage that is kept is given to no optimizer.
        ("net.enc", "[*net.mu.parameters(), *net.logvar.parameters(), *net.decoder.parameters()]"),
    ],
)
def test_what_is_kept_as_it_is_is_not_forgotten(frozen: str, held: str, tmp_path: Path) -> None:
    assert found(tmp_path, frozen, held) == []
