"""Heads that go by each other's names on the way: a message calls them as the place of which it speaks does."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, linted

EXCHANGED = (
    HEAD
    + LAYERS
    + """
    def encode(self, x):
        m, spread = self.to_m(x), self.to_s(x)
        return m, spread

    def forward(self, x):
        {taken} = self.encode(x)
        {again}
        z = {mean} + torch.randn_like({width}) * {width}
        return self.back(z), {mean}, {width}


def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        optimizer.zero_grad()
        out, {mean}, {width} = net(x)
        kl = -0.5 * torch.sum(1 + {width} - {mean}.pow(2) - {width}.exp())
        loss = torch.sum((out - x) ** 2) + kl
        loss.backward()
        optimizer.step()
"""
)
WAYS = {
    "once": ("spread, m", "pass", "m", "spread"),
    "by a third name": ("spread, m", "first, m = m, spread", "first", "m"),
    "twice": ("spread, m", "m, spread = spread, m", "spread", "m"),
    "never": ("m, spread", "pass", "m", "spread"),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_kl_reads_a_head_by_the_name_that_it_has_there(way: str, tmp_path: Path) -> None:
    taken, again, mean, width = WAYS[way]
    source = EXCHANGED.format(taken=taken, again=again, mean=mean, width=width)
    report = linted(tmp_path, {"train.py": source})
    (found,) = [each for each in report.findings if each.code == "VAE201"]
    assert f"reads {width} as log variance" in found.message
    assert f"uses {width} as std" in found.message
