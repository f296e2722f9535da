"""An error between codes, as of their smoothness, is no reconstruction: what meets the data may be unread."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, codes, linted

from vae_checked.reports import all_examined

SCENE = (
    HEAD
    + LAYERS
    + """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        z = m + torch.randn_like(m) * torch.exp(0.5 * s)
        return self.back(z), m, s, z


def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        y, m, s, z = net(x)
        error = {error}
        near = {near}
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1).mean()
        optimizer.zero_grad()
        (error + 0.3 * near + kl).backward()
        optimizer.step()
"""
)
NEAR = {
    "steps": "((z[1:] - z[:-1]) ** 2).mean()",
    "steps, by a function": "F.mse_loss(z[1:], z[:-1])",
    "of the mean": "F.l1_loss(z, m)",
}
OF_AN_ERROR = {"VAE401", "VAE402", "VAE404", "VAE501", "VAE505"}


@pytest.mark.parametrize("near", NEAR.values(), ids=NEAR)
@pytest.mark.parametrize("error", ["F.binary_cross_entropy(y, torch.ones_like(y))", "elsewhere.error(y, x)"])
def test_codes_that_are_compared_speak_for_no_output(error: str, near: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": SCENE.format(error=error, near=near)})
    assert codes(report) == []
    [vae] = all_examined(report)
    assert OF_AN_ERROR.isdisjoint(vae.clean)
    assert "VAE301" in vae.clean


@pytest.mark.parametrize("near", NEAR.values(), ids=NEAR)
def test_the_reconstruction_beside_codes_is_judged(near: str, tmp_path: Path) -> None:
    error = 'F.binary_cross_entropy(y, x, reduction="none").sum(dim=1).mean()'
    report = linted(tmp_path, {"train.py": SCENE.format(error=error, near=near)})
    assert codes(report) == ["VAE402"]
