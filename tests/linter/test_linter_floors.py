"""A small number that keeps a std above 0 in the sampler or in the KL alone is neither a mistake nor clean."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, codes, linted

NET = (
    HEAD
    + LAYERS
    + """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + ({std}) * torch.randn_like(m)), m, s


def fit(loader):
    net = Net()
    for x, _ in loader:
        y, m, s = net(x)
        loss = (F.mse_loss(y, x, reduction="none").sum(-1) + {kl}).mean()
        loss.backward()
"""
)
KL = "-0.5 * (1 + s - m.pow(2) - s.exp()).sum(-1)"
OF_STD = "0.5 * (m.pow(2) + ({std}).pow(2) - 1 - 2 * ({std}).log()).sum(-1)"


@pytest.mark.parametrize(
    ("std", "kl"),
    [
        ("torch.exp(0.5 * s) + 0.01", KL),
        ("F.softplus(s) + 0.02", OF_STD.format(std="F.softplus(s)")),
        ("F.softplus(s)", OF_STD.format(std="F.softplus(s) + 0.02")),
    ],
)
def test_a_floor_of_one_std_alone_is_left_open(std: str, kl: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(std=std, kl=kl)})
    assert codes(report) == []
    assert not any("VAE201" in each.clean for each in report.judgements)


@pytest.mark.parametrize("std", ["torch.exp(s) + 0.01", "torch.exp(0.5 * s) + 0.4", "1.01 * torch.exp(0.5 * s)"])
def test_more_than_a_floor_is_another_std(std: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": NET.format(std=std, kl=KL)})) == ["VAE201"]
