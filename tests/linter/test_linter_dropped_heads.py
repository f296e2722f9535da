"""Heads that end in a dropout: training sets a share of them to 0, so that nothing says that they are free."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

NET = """
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(84, 33)
        self.first, self.second = (nn.Sequential({layers}) for _ in range(2))
        self.back = nn.Linear(7, 84)

    def forward(self, x):
        h = torch.relu(self.body(x))
        mu, logvar = self.first(h), self.second(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(-1).mean()
        return F.mse_loss(self.back(z), x, reduction="none").sum(-1).mean() + kl
"""


@pytest.mark.parametrize(
    ("layers", "found", "clean"),
    [
        ("nn.Linear(33, 7), nn.LeakyReLU(), nn.Dropout(0.2)", [], False),
        ("nn.Linear(33, 7), nn.Dropout(0.2)", [], False),
        ("nn.Dropout(0.2), nn.Linear(33, 7)", [], True),
        ("nn.Linear(33, 7), nn.ReLU(), nn.Dropout(0.2)", ["VAE204"], False),
    ],
)
def test_a_head_that_is_dropped_is_not_called_free(layers: str, found: list[str], clean: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(layers=layers)})
    assert codes(report) == found
    assert any("VAE204" in each.clean for each in report.judgements) == clean
