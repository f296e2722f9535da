"""Models of which one is derived from the other, chosen by a name: each is examined with what trains them."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import PICTURE_LAYERS, codes, linted

from vae_checked.reports import all_examined

TEXT = (
    """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Small(nn.Module):
"""
    + PICTURE_LAYERS
    + """
    def parts(self):
        return [*self.back.parameters(), *self.mu.parameters(), *self.logvar.parameters(), *self.out.parameters()]

    def encode(self, x):
        h = self.back(x)
        return self.mu(h), self.logvar(h)

    def forward(self, x):
        m, s = self.encode(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return self.out(z).view(-1, 3, 20, 28), m, s


class Large(Small):
    def __init__(self, wide=48, codes=7):
        super().__init__(wide, codes)
        self.more = nn.Linear(wide, wide)
{parts}
    def encode(self, x):
        h = torch.relu(self.more(self.back(x)))
        return self.mu(h), self.logvar(h)


def make(name):
    {choice}


def train(loader, options):
    net = make(options.name)
    optimizer = torch.optim.Adam(net.parts())
    for x, _ in loader:
        y, m, s = net(x)
        error = F.binary_cross_entropy(y, x, reduction="sum") / len(x)
        loss = error - 0.5 * (1 + s - m ** 2 - s.exp()).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
CHOICES = {
    "a condition": 'if name == "small":\n        return Small()\n    return Large()',
    "a condition the other way": 'if name == "large":\n        return Large()\n    return Small()',
    "a table": 'return {"small": Small, "large": Large}[name]()',
    "an else": 'if name == "small":\n        net = Small()\n    else:\n        net = Large()\n    return net',
}
OWN = """
    def parts(self):
        return [*self.back.parameters(), *self.mu.parameters(), *self.logvar.parameters(), *self.out.parameters()]
"""
WHOLE = """
    def parts(self):
        return [*super().parts(), *self.more.parameters()]
"""


@pytest.mark.parametrize("parts", [OWN, ""], ids=["of its own", "inherited"])
@pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)
def test_what_the_derived_model_leaves_out_is_named(choice: str, parts: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": TEXT.format(parts=parts, choice=choice)})
    assert codes(report) == ["VAE602"]
    assert "more" in report.findings[0].message


@pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)
def test_what_holds_all_of_both_is_clean(choice: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": TEXT.format(parts=WHOLE, choice=choice)})
    assert codes(report) == []
    assert any("VAE602" in each.clean for each in all_examined(report))
