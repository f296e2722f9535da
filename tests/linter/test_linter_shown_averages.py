"""A KL averaged over an axis that it has no more: a fault where it is trained, none in what is shown or is a total."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

NET = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.first, self.second = nn.Linear(84, 33), nn.Linear(33, 7), nn.Linear(33, 7)

    def forward(self, x):
        h = torch.relu(self.body(x))
        mu, logvar = self.first(h), self.second(h)
        kl = {kl}
        self.shown = kl{detached}.mean(0)
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu), kl, self.shown
"""
TERM = "(-0.5 * (1 + logvar - mu.pow(2) - logvar.exp()))"


@pytest.mark.parametrize(
    ("kl", "detached", "found"),
    [
        (f"{TERM}.sum()", ".detach()", []),
        (f"{TERM}.sum(-1).mean()", ".detach()", []),
        (f"{TERM}.sum()", "", ["VAE304"]),
        (f"({TERM}.sum() + 0.1)", "", ["VAE304"]),
    ],
)
def test_what_is_shown_is_not_what_is_trained(kl: str, detached: str, found: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": NET.format(kl=kl, detached=detached)})) == found


STEPS = """
import torch
import pytorch_lightning as pl
import torch.nn.functional as F
from torch import nn


class Net(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.body, self.back = nn.Linear(84, 33), nn.Linear(7, 84)
        self.first, self.second, self.weight = nn.Linear(33, 7), nn.Linear(33, 7), 0.0

    def losses(self, x):
        h = torch.relu(self.body(x))
        mu, logvar = self.first(h), self.second(h)
        x_hat = torch.sigmoid(self.back(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)))
        error = F.binary_cross_entropy(x_hat, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return error, kl, error + self.weight * kl

    def training_step(self, batch, batch_idx):
        return self.losses(batch)[2]

    def test_step(self, batch, batch_idx):
        error, kl, total = self.losses(batch)
        return {"shown": SHOWN}
"""


@pytest.mark.parametrize("shown", ["total.mean(dim=0)", "torch.mean(total, dim=0)", "(2 * total + 1).mean(dim=0)"])
def test_an_average_of_a_whole_objective_says_nothing_of_its_kl(shown: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": STEPS.replace("SHOWN", shown)})) == []
