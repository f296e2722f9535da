"""Classes derived from nn.Sequential and nn.ModuleList, and what a module says of its own parts."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, linted

HEADS = {
    "named": """
class Head(nn.Sequential):
    def __init__(self, there, back):
        super().__init__()
        self.add_module("linear", nn.Linear(there, back))
        self.last = nn.ReLU()
""",
    "iterated": """
class Layers(nn.Sequential):
    def forward(self, x):
        for layer in self:
            x = F.relu(layer(x))
        return x, len(self)


class Head(nn.Module):
    def __init__(self, there, back):
        super().__init__()
        self.layers = Layers(nn.Linear(there, 9), nn.Linear(9, back))

    def forward(self, x):
        return self.layers(x)[0]
""",
    "by name": """
class Layers(nn.ModuleList):
    def __call__(self, x):
        for layer in self._modules.values():
            x = layer(x)
        return self[1](x)


class Head(nn.Module):
    def __init__(self, there, back):
        super().__init__()
        self.layers = Layers([nn.Linear(there, back), nn.ReLU()])

    def forward(self, x):
        return self.layers(x)
""",
    "parts": """
class Head(nn.Module):
    def __init__(self, there, back):
        super().__init__()
        self.add_module("part-1", nn.Linear(there, back))
        self.add_module("part-2", nn.ReLU())

    def forward(self, x):
        return self._modules["part-{}".format(2)](next(iter(self.children()))(x))
""",
}
NET = """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = Head(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        return F.mse_loss(y, x, reduction="none").sum(1) + {kl}
"""


@pytest.mark.parametrize("form", HEADS)
def test_the_parts_of_a_derived_container_are_applied(form: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": HEAD + HEADS[form] + NET.format(kl=KL)})
    assert [finding.code for finding in report.findings] == ["VAE204"]
