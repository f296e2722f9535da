"""A clamp around data says where they lie; one around what is computed keeps it from running away."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

NET = """
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Rows(Dataset):
    def __init__(self, table):
        self.rows = torch.from_numpy(table).float()

    def __getitem__(self, place):
        return self.rows[place]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.first, self.second = nn.Linear(84, 33), nn.Linear(33, 7), nn.Linear(33, 7)
        self.back = nn.Sequential(nn.Linear(7, 84), nn.Sigmoid())

    def forward(self, x):
        h = torch.relu(self.body(x))
        mu, logvar = self.first(h), self.second(h)
        return self.back(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


net = Net()
optimizer = torch.optim.Adam(net.parameters())
for x in DataLoader(Rows(table), batch_size=32):
    y, mu, logvar = net(x)
    wanted = {wanted}
    loss = F.mse_loss(y, wanted, reduction="sum") - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("torch.clamp(x, -5.0, 5.0)", ["VAE403"]),
        ("((x - 3.0) / 2.0).clamp(-5.0, 5.0)", ["VAE403"]),
        ("(x @ x.T @ x).clamp(-1.0, 1.0)", ["VAE403"]),
        ("(41.6 * torch.sqrt(x / x.sum() ** 0.7)).clamp(min=-5.0, max=1000.0)", []),
    ],
)
def test_the_ends_of_a_clamp_are_the_range_of_data_alone(wanted: str, found: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": NET.format(wanted=wanted)})) == found
