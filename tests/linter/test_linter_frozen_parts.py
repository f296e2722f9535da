"""A VAE that was trained before, and is built into a larger model: beside a frozen encoder the KL has nothing to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, MODEL, codes, linted

SCENE = (
    HEAD
    + MODEL
    + """
    def forward(self, x):
        m, s = self.encode(x)
        return m + torch.exp(0.5 * s) * torch.randn_like(s), -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())


class Conditioned(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net
        self.disc = nn.Linear(84, 1)
        self.bent = nn.Linear(9, 7)
        {frozen}

    def forward(self, x, given):
        z, _ = self.net(x)
        return F.mse_loss(self.net.back(self.bent(torch.cat([z, given], dim=1))), x)


def train(batches, weights):
    net = Net()
    net.load_state_dict(torch.load(weights))
    model = Conditioned(net)
    optimizer = torch.optim.Adam(model.parameters())
    for x, given in batches:
        loss = model(x, given)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
FROZEN = [
    "for each in self.net.parameters():\n            each.requires_grad = False",
    "for each in self.net.trunk.parameters():\n            each.requires_grad_(False)",
    "self.net.requires_grad_(False)",
    "self.net.requires_grad_(requires_grad=False)",
    "[each.requires_grad_(False) for each in self.net.parameters()]",
    "for each in (*self.net.parameters(), *self.disc.parameters()):\n            each.requires_grad_(False)",
    "for each in (*self.net.parameters(), *self.disc.parameters()):\n            each.requires_grad = False",
]
OTHERS = [
    "",
    "self.disc.requires_grad_(False)",
    "for each in self.disc.parameters():\n            each.requires_grad = False",
    "for each in self.disc.parameters():\n            each.requires_grad_(False)",
    "for _, each in self.disc.named_parameters():\n            each.requires_grad_(False)",
    "[each.requires_grad_(False) for each in self.disc.parameters()]",
    "for each in self.net.parameters():\n            each.requires_grad = True",
]


@pytest.mark.parametrize("frozen", FROZEN)
def test_a_frozen_encoder_needs_no_kl(frozen: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"train.py": SCENE.format(frozen=frozen)})) == []


@pytest.mark.parametrize("frozen", OTHERS)
def test_an_encoder_that_learns_needs_its_kl(frozen: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"train.py": SCENE.format(frozen=frozen)})) == ["VAE305"]
