"""The KL of a Gaussian of width 1 to a Laplace prior reads like a KL from that prior, whose width is no head."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, codes, linted

WRITTEN = (
    HEAD
    + LAYERS.replace("(self)", "(self, config)")
    + """        self.config = config

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        WIDTH
        z = m + DRAWN * torch.randn_like(m)
        kl = torch.log(2 * b) + (1 + m.pow(2)) / (2 * b.pow(2)) - 0.5
        return (F.mse_loss(self.back(z), x, reduction="none").sum(1) + kl.sum(1)).mean()
"""
)
SETTING = 'torch.tensor(self.config.get("scale", 1.0))'


def text(width: str, drawn: str) -> str:
    return WRITTEN.replace("WIDTH", width).replace("DRAWN", drawn)


@pytest.mark.parametrize("width", [f"b = {SETTING}", 'b = torch.tensor(self.config["scale"], device=m.device)'])
@pytest.mark.parametrize("drawn", ["1.0", "torch.exp(0.5 * s)"])
def test_the_width_of_a_prior_is_no_head_of_a_posterior(drawn: str, width: str, tmp_path: Path) -> None:
    assert "VAE306" not in codes(linted(tmp_path, {"net.py": text(width, drawn)}))


def test_a_head_in_its_place_is_named(tmp_path: Path) -> None:
    scene = text("b = torch.exp(s)", "b").replace("torch.log(2 * b)", "torch.log(b)")
    assert codes(linted(tmp_path, {"net.py": scene})) == ["VAE306"]
