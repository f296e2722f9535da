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


ALONE = """
import json
import torch
import torch.nn.functional as F
import yaml


class Trainer:
    def __init__(self, model, config):
        self.model, self.config = model, config

    def divergence(self, out):
        m, b = out["m"], WIDTH
        return torch.log(b) + (1 + m.pow(2)) / (2 * b.pow(2)) - 0.5

    def loss(self, x):
        out = self.model.encode(x)
        y = self.model.decode(out["m"] + torch.randn_like(out["m"]))
        return (F.mse_loss(y, x, reduction="none").sum(1) + self.divergence(out).sum(1)).mean()
"""
READ = """

with open("settings") as file:
    trainer = Trainer(torch.load("model.pt"), READING)
"""
SETTINGS = (
    'torch.tensor(self.config["scale"])',
    'torch.tensor(self.config.get("scale", 1.0))',
    'torch.tensor(self.config.priors.get("laplace", {}).get("scale", 1.0), device=m.device)',
)
READINGS = ("json.load(file)", "yaml.safe_load(file)", "yaml.load(file, Loader=yaml.FullLoader)")


@pytest.mark.parametrize("width", SETTINGS)
@pytest.mark.parametrize("read", ["", *(READ.replace("READING", each) for each in READINGS)])
def test_a_width_from_settings_is_no_head_beside_an_unread_mean(width: str, read: str, tmp_path: Path) -> None:
    scene = ALONE.replace("WIDTH", width) + read
    assert codes(linted(tmp_path, {"net.py": scene})) == []


@pytest.mark.parametrize("width", ['out["s"]', 'torch.exp(0.5 * out["s"])', 'out.get("s")'])
def test_a_head_beside_an_unread_mean_is_named(width: str, tmp_path: Path) -> None:
    # z is drawn with a std of 1 there, which is named as well.
    assert "VAE306" in codes(linted(tmp_path, {"net.py": ALONE.replace("WIDTH", width)}))
