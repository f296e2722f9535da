"""Heads that are cut from what another library hands over: an attribute, which looks like a number and is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

OUTSIDE = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, trunk):
        super().__init__()
        self.trunk, self.back = trunk, nn.Linear(7, 84)

    def forward(self, x):
        m, s = self.trunk(x).pooled.chunk(2, dim=1)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


def divergence(m, s, least=0.5):
    each = 0.5 * (m.pow(2) + s.exp() - s - 1)
    kept = (each > least).float() * each
    return {reduced}


def fit(loader, trunk, how):
    net = Net(trunk)
    for x, _ in loader:
        out, m, s = net(x)
        terms = {{"recon": how(out, x), "kl": divergence(m, s)}}
        total = how(terms)
        total.backward()
"""
)


@pytest.mark.parametrize("reduced", ["kept.sum(dim=1).mean(dim=0)", "each.sum(dim=1).mean(dim=0)", "kept.sum(1)"])
def test_an_attribute_that_heads_are_cut_from_has_axes(reduced: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": OUTSIDE.format(reduced=reduced)})) == []


def test_a_mean_over_the_batch_of_what_was_summed_over_all(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": OUTSIDE.format(reduced="each.sum().mean(dim=0)")})) == ["VAE304"]
