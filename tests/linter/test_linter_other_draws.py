"""Where a condition draws z in another way that is not read, nothing of the draw is clean by the way that is."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest
from small_vaes.fragments import KL, codes, linted

MODEL = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self, flag):
        super().__init__()
        self.flag = flag
        self.trunk = nn.Sequential(nn.Linear(91, 33), nn.ReLU())
        self.to_m, self.to_s, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 91)

    def forward(self, x):
        h = self.trunk(x)
        m, s = self.to_m(h), self.to_s(h)
        std = torch.exp(0.5 * s)
DRAWN
        return self.back(z), m, s


def train(loader, flag):
    net = Net(flag)
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        y, m, s = net(x)
        loss = (F.mse_loss(y, x, reduction="none").sum(1) + KL).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
""".replace("KL", KL)
RIGHT = "m + std * torch.randn_like(std)"
UNREAD = {
    "noise of an unread call": f"z = {RIGHT} if self.flag else m + std * made(std)",
    "an unread call for the noise": "eps = torch.randn_like(std) if self.flag else made(std)\nz = m + std * eps",
    "an unread call for the draw": f"z = {RIGHT} if self.flag else drawn(m, std)",
    "noise that no sampler draws with": f"z = {RIGHT} if self.flag else F.normalize(m + torch.rand_like(m), dim=-1)",
    "a shortcut in two dimensions": (
        "if m.shape[1] == 2:\n"
        "    turn = torch.atan2(m[:, 1], m[:, 0]) + torch.randn(len(m)) / std[:, 0]\n"
        "    z = torch.stack([torch.cos(turn), torch.sin(turn)], dim=-1)\n"
        "else:\n"
        "    z = F.normalize(std * m + torch.rand_like(m), dim=-1)"
    ),
}
READ = {
    "one way": f"z = {RIGHT}",
    "the mean where nothing is trained": f"z = {RIGHT} if self.training else m",
    "the mean of what an unread call pools": (
        f"m, s = self.to_m(h * pooled(h)), self.to_s(h * pooled(h))\n"
        f"std = torch.exp(0.5 * s)\n"
        f"z = {RIGHT} if self.training else m"
    ),
    "the mean of what is masked by chance": (
        f"h = self.trunk(x * (torch.rand_like(x) > 0.3))\n"
        f"m, s = self.to_m(h), self.to_s(h)\n"
        f"std = torch.exp(0.5 * s)\n"
        f"z = m\nif self.flag:\n    z = {RIGHT}"
    ),
    "the prior": f"if self.flag:\n    z = {RIGHT}\nelse:\n    z = torch.randn(3, 7)",
    "a call for the prior": f"if self.flag:\n    z = {RIGHT}\nelse:\n    z = of_prior(3)",
    "a function of the mean": f"z = {RIGHT} if self.flag else torch.tanh(m)",
    "a layer of the mean": f"z = {RIGHT} if self.flag else nn.Linear(7, 7)(m)",
    "what follows the draw": f"z = {RIGHT}\nif self.flag:\n    z = bent(z)",
}
OF_A_DRAW = {"VAE202", "VAE203"}


def clean(tmp_path: Path, drawn: str) -> set[str]:
    report = linted(tmp_path, {"a.py": MODEL.replace("DRAWN", indent(drawn, " " * 8))})
    assert codes(report) == []
    return OF_A_DRAW.intersection(*(each.clean for each in report.vaes))


@pytest.mark.parametrize("name", UNREAD)
def test_an_unread_way_leaves_the_draw_open(name: str, tmp_path: Path) -> None:
    assert clean(tmp_path, UNREAD[name]) == set()


@pytest.mark.parametrize("name", READ)
def test_a_draw_that_is_read_whenever_it_is_one_is_clean(name: str, tmp_path: Path) -> None:
    assert clean(tmp_path, READ[name]) == OF_A_DRAW


def test_wrong_noise_on_another_way_is_named(tmp_path: Path) -> None:
    drawn = f"z = {RIGHT} if self.flag else m + std * torch.rand_like(std)"
    assert codes(linted(tmp_path, {"a.py": MODEL.replace("DRAWN", indent(drawn, " " * 8))})) == ["VAE202"]
