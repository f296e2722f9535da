"""Layers that one of two branches builds: each network has its own, whatever the branch."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, codes, linted

NETWORKS = (
    HEAD
    + """

class Part(nn.Module):
    def __init__(self, wide, narrow, deep):
        super().__init__()
        layers = []
        if len(deep) == 1:
            layers.append(nn.Linear(wide, deep[0]))
            layers.append(nn.ReLU())
            layers.append(nn.Linear(deep[0], narrow))
        else:
            layers.append(nn.Linear(wide, deep[0]))
            layers.append(nn.ReLU())
            for place in range(1, len(deep)):
                layers.append(nn.Linear(deep[place - 1], deep[place]))
                layers.append(nn.ReLU())
            layers.append(nn.Linear(deep[-1], narrow))
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


class Net(nn.Module):
    def __init__(self, deep):
        super().__init__()
        self.to_m, self.to_s = Part(84, 7, deep), Part(84, 7, deep)
        self.back = nn.Linear(7, 84)

    def forward(self, x):
        m, s = self.to_m(x), self.{second}(x)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s
"""
    + FIT.replace("(loader)", "(loader, deep)").replace("Net()", "Net(deep)")
)


@pytest.mark.parametrize(("second", "found"), [("to_s", []), ("to_m", ["VAE205"])])
def test_heads_of_two_networks_of_one_class_are_two(second: str, found: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": NETWORKS.format(second=second)})
    assert [code for code in codes(report) if code == "VAE205"] == found
