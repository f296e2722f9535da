"""Losses whose parameters do not say which is the reconstruction, and which the data."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, MODEL, codes, linted

# A model's own loss that nothing calls.
SIDES = (
    HEAD
    + MODEL.replace("nn.Sigmoid()", "{last}")
    + """
    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.back(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar

    def loss(self, x, x_, mu, logvar):
        self.gap = (x - x_).abs().max().item()
        bits = x * torch.log(x_ + 1e-9) + (1 - x) * torch.log(1 - x_ + 1e-9)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)
        return (kl - bits.sum(1)).mean()
"""
)
LASTS = ("nn.Softmax(dim=1)", "nn.Sigmoid()")


@pytest.mark.parametrize("last", LASTS)
def test_a_difference_does_not_tell_its_sides(last: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": SIDES.format(last=last)})) == []
