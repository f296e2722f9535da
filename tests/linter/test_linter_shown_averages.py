"""A KL that is averaged over an axis that it has no more: a fault where it is trained, none in what is shown."""

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
    ],
)
def test_what_is_shown_is_not_what_is_trained(kl: str, detached: str, found: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": NET.format(kl=kl, detached=detached)})) == found
