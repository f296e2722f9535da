"""Sampler and KL are compared where both are seen to read one head: what an unread call makes of it is another."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

NET = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, plain=False):
        super().__init__()
        self.plain = plain
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)
        self.spread = nn.Parameter(torch.rand(7))

    def forward(self, x):
        mean, std = self.to_m(x), F.softplus(self.to_s(x))
        if self.plain:
            z = mean + torch.diag(torch.abs(self.spread)) * torch.randn_like(mean)
        else:
            z = mean + std * torch.randn_like(mean)
        return self.back(z), mean, std


def fit(loader, settings):
    net = Net(settings.plain)
    for x, _ in loader:
        y, mean, std = net(x)
        var = {var}
        kl = 0.5 * (mean.pow(2) + var - var.log() - 1).sum(1)
        loss = (F.mse_loss(y, x, reduction="none").sum(1) + kl).mean()
        loss.backward()
"""
)


@pytest.mark.parametrize(
    ("var", "expected"),
    [
        ("squared(std)", []),
        ("torch.diagonal(torch.diag_embed(std**2), dim1=1, dim2=2)", []),
        ("std**2", []),
        ("std", ["VAE201"]),
    ],
)
def test_a_kl_of_what_is_made_of_the_head(var: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": NET.format(var=var)})) == expected
