"""Rows that are picked of what an activation gives: it holds for each of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

from vae_checked.reports import all_examined

SCENE = """
import torch
from torch import nn, optim
from torch.nn import functional as F


class Coder(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.mean, self.spread = nn.Linear(31, 57), nn.Linear(57, 13), nn.Linear(57, 13)
        self.back, self.ring = nn.Linear(13, 29), nn.Linear(13, 1)

    def forward(self, x):
        h = F.relu(self.body(x))
        mu, logvar = self.mean(h), self.spread(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(logvar)
        return {kinds}, {rings}, mu, logvar


def fit(loader, beta):
    net = Coder()
    opt = optim.Adam(net.parameters())
    for x, kind, ring, mask in loader:
        out, rings, mu, logvar = net(x)
        error = {error}
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), 1).mean()
        loss = error + beta * kl
        opt.zero_grad()
        loss.backward()
        opt.step()
"""
ALONE = SCENE.replace("self.back, self.ring = nn.Linear(13, 29), nn.Linear(13, 1)", "self.back = nn.Linear(13, 29)")
LOGITS, SHARES, DOWN = "self.back(z)", "F.softmax(self.back(z), 1)", "F.softmax(self.back(z), 0)"
PICKED = ["out[mask]", "out[mask == 1]", "out.view(-1, 29)[mask.view(-1)]", "out[mask, :]", "out[:7]"]
RINGS = "F.binary_cross_entropy_with_logits(rings[mask], ring.float())"


@pytest.mark.parametrize("picked", PICKED)
@pytest.mark.parametrize(("kinds", "found"), [(LOGITS, []), (SHARES, ["VAE405"])], ids=["logits", "softmax"])
def test_rows_of_scores(kinds: str, found: list[str], picked: str, tmp_path: Path) -> None:
    scene = ALONE.format(kinds=kinds, rings="z", error=f"F.cross_entropy({picked}, kind)")
    assert codes(linted(tmp_path, {"fit.py": scene})) == found


@pytest.mark.parametrize("picked", ["out[mask]", "out[:7]", "out[:, 3:17]"])
def test_shares_over_the_samples_and_columns_are_open(picked: str, tmp_path: Path) -> None:
    kinds = SHARES if "3" in picked else DOWN
    scene = ALONE.format(kinds=kinds, rings="z", error=f"F.cross_entropy({picked}, kind)")
    report = linted(tmp_path, {"fit.py": scene})
    assert codes(report) == []
    assert not any("VAE405" in each.clean for each in all_examined(report) if each.is_vae)


@pytest.mark.parametrize(
    ("kinds", "rings", "found"),
    [
        (LOGITS, "self.ring(z)", []),
        (LOGITS, "torch.sigmoid(self.ring(z))", ["VAE401"]),
        (SHARES, "torch.sigmoid(self.ring(z))", ["VAE401", "VAE405"]),
    ],
)
def test_each_of_two_errors_of_picked_rows(kinds: str, rings: str, found: list[str], tmp_path: Path) -> None:
    scene = SCENE.format(kinds=kinds, rings=rings, error=f"F.cross_entropy(out[mask], kind) + {RINGS}")
    assert sorted(codes(linted(tmp_path, {"fit.py": scene}))) == found
