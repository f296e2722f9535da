"""Layers that another library made are not known, and a part of them is not nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

NET = """
from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn
from torchvision import datasets, models, transforms


class Net(nn.Module):
    def __init__(self, seen=84, latents=6):
        super().__init__()
        backbone = models.resnet18()
        self.latents = latents
        self.parts = {parts}
        {more}
        self.back = nn.Linear(latents, seen)

    def forward(self, x):
        h = x
        {run}
        h = h.view(h.size(0), -1)
        m, s = h[:, : self.latents], h[:, self.latents :]
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


def fit(optimizer):
    net = Net()
    data = datasets.MNIST("data", transform=transforms.ToTensor())
    for x, _ in torch.utils.data.DataLoader(data, batch_size=16):
        y, m, s = net(x)
        loss = F.mse_loss(y, x, reduction="none").sum(1) + (-0.5 * (1 + s - m.pow(2) - s.exp())).sum(1)
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
"""
IN_ROW = "h = self.parts(h)"
IN_LOOP = "for part in self.parts: h = part(h)"


@pytest.mark.parametrize(
    ("parts", "more", "run", "expected"),
    [
        ("nn.Sequential(*list(backbone.children())[:-1])", "", IN_ROW, []),
        ("nn.Sequential(*tuple(backbone.modules())[1:-1])", "", IN_ROW, []),
        ("nn.Sequential(*[part for part in backbone.children()][:-2])", "", IN_ROW, []),
        ("nn.Sequential(*[nn.Sequential(part) for part in backbone.children()][:-2])", "", IN_ROW, []),
        ("nn.Sequential(*[*backbone.children()][:-2])", "", IN_ROW, []),
        ("nn.Sequential(OrderedDict(backbone.named_children()))", "", IN_ROW, []),
        ("nn.Sequential(OrderedDict(list(backbone.named_children())[:-1]))", "", IN_ROW, []),
        ("nn.ModuleList(backbone.children())", "", IN_LOOP, []),
        ("nn.ModuleList()", "self.parts.extend(list(backbone.children())[:-2])", IN_LOOP, []),
        ("nn.ModuleList()", "self.parts.extend(backbone.children())", IN_LOOP, []),
        ("nn.Sequential(*[nn.Identity(), nn.Dropout(0.2)][:-1])", "", IN_ROW, ["VAE204"]),
        ("nn.ModuleList([nn.Identity()])", "", IN_LOOP, ["VAE204"]),
    ],
)
def test_a_part_of_unknown_layers_is_not_known(
    parts: str, more: str, run: str, expected: list[str], tmp_path: Path
) -> None:
    assert codes(linted(tmp_path, {"net.py": NET.format(parts=parts, more=more, run=run)})) == expected


SIZES = """
import torch
import torch.nn.functional as F
from torch import nn


def fit(loader, net, optimizer):
    for x, _ in loader:
        m, s = net.heads(x)
        z = m + torch.exp(0.5 * s) * torch.randn({sizes})
        loss = F.mse_loss(net.back(z), x, reduction="none").sum(1) + (-0.5 * (1 + s - m.pow(2) - s.exp())).sum(1)
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
"""


@pytest.mark.parametrize("sizes", ["*[*m.shape][:-1], 5", "*[*m.shape]", "*list(m.shape)[:-1], 5", "*m.shape[:-1], 5"])
def test_sizes_of_a_tensor_are_no_unknown_items(sizes: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": SIZES.format(sizes=sizes)})) == []
