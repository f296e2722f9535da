"""Mistakes that only the flow of values shows: each is one edit of a right module, and named by its own code alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

RIGHT = """\
import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(784, 33)
        self.to_m = nn.Linear(33, 7)
        self.to_s = nn.Linear(33, 7)
        self.back = nn.Sequential(nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 784), nn.Sigmoid())

    def encode(self, x):
        h = F.relu(self.trunk(x))
        return self.to_m(h), self.to_s(h)

    def draw(self, m, s):
        std = torch.exp(0.5 * s)
        eps = torch.randn_like(std)
        return m + eps * std

    def forward(self, x):
        m, s = self.encode(x)
        return self.back(self.draw(m, s)), m, s


def objective(out, x, m, s, option):
    recon = F.binary_cross_entropy(out, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
    return (recon + kl) / x.size(0)


def fit(option):
    loader = DataLoader(datasets.MNIST("data", transform=transforms.ToTensor()), batch_size=50)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters())
    for x, _ in loader:
        x = x.view(-1, 784)
        out, m, s = model(x)
        loss = objective(out, x, m, s, option)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def embed(model, loader):
    return [model.encode(x.view(-1, 784))[0] for x, _ in loader]
"""

RECON = '    recon = F.binary_cross_entropy(out, x, reduction="sum")\n'
CHOICE = """\
    if option == "likelihood":
        recon = F.binary_cross_entropy(out, x, reduction="sum")
    else:
        recon = {other}
"""
KL = "kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())"
PIXELS = """\
    recon = F.binary_cross_entropy(out, x, reduction="none").sum(1) / int(np.prod(x.size()[1:]))
    kl = {sign}0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1) / math.prod(x.shape[1:])
    return (recon + kl).mean()
"""
LOSS = RIGHT[RIGHT.index(RECON) : RIGHT.index("\n\ndef fit")]


def codes(folder: Path, *edits: tuple[str, str], seen: bool = True) -> list[str]:
    text = RIGHT
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = folder / "model.py"
    path.write_text(text, encoding="utf-8")
    report = lint([path])
    assert bool(report.subjects) is seen
    return sorted({finding.code for finding in report.findings})


def test_the_right_module_is_silent(tmp_path: Path) -> None:
    assert codes(tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("m.pow(2) - s.exp()", "m.pow(2) + s.exp()", ["VAE301"]),
        ("1 + s - m.pow(2)", "1 - s - m.pow(2)", ["VAE301"]),
        ("self.draw(m, s)", "self.draw(s, m)", ["VAE205"]),
        ("m, s = self.encode(x)\n", "m, s = self.encode(x)\n        m = F.relu(m)\n", ["VAE204"]),
        ("return m + eps * std", "return m + std", ["VAE207"]),
        ("return self.to_m(h), self", "return torch.tanh(self.to_m(h)), self", ["VAE204"]),
        (KL, "kl = -0.5 * torch.mean(1 + s - m.pow(2) - s.exp())", ["VAE503", "VAE504"]),
        (RECON, CHOICE.format(other='F.mse_loss(out, x, reduction="sum")'), []),
        (RECON, CHOICE.format(other='F.binary_cross_entropy_with_logits(out, x, reduction="sum")'), ["VAE401"]),
        (RECON, CHOICE.format(other="F.mse_loss(out, x)"), ["VAE502", "VAE504"]),
        (LOSS, PIXELS.format(sign="-"), []),
        (LOSS, PIXELS.format(sign="+"), ["VAE302"]),
    ],
)
def test_one_edit(old: str, new: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(tmp_path, (old, new)) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("m, s = model.encode(x)\n    z = m + torch.exp(0.5 * s)\n    return model.back(z)", ["VAE207"]),
        ("m, s = model.encode(x)\n    z = m\n    return model.back(z)", []),
        # Both ends of an error bar.
        ("m, s = model.encode(x)\n    std = torch.exp(0.5 * s)\n    return m - std, m + std", []),
    ],
)
def test_std_without_eps_beside_a_right_sampler(body: str, expected: list[str], tmp_path: Path) -> None:
    shown = f"\n\ndef show(x):\n    model = Net()\n    model(x)\n    {body}\n"
    assert codes(tmp_path, ("\n\ndef embed", f"{shown}\n\ndef embed")) == expected


@pytest.mark.parametrize(("call", "expected"), [("out, x", []), ("x, out", ["VAE404"])])
def test_arguments_are_told_apart_without_a_sampler(call: str, expected: list[str], tmp_path: Path) -> None:
    """The reconstruction is the side that is computed from the other one: here from a Gumbel-softmax sample."""
    noise = "uniform = torch.rand_like(s)\n        sample = F.softmax(s - torch.log(-torch.log(uniform)), dim=-1)\n"
    edits = [
        ("eps = torch.randn_like(std)\n", noise),
        ("return m + eps * std", "return sample"),
        ("cross_entropy(out, x", f"cross_entropy({call}"),
        (KL, "kl = torch.sum(F.softmax(s, dim=-1) * (F.log_softmax(s, dim=-1) + math.log(7)))"),
    ]
    assert codes(tmp_path, *edits) == expected


@pytest.mark.parametrize(
    ("kl", "expected"),
    [
        ("torch.sum(q * (torch.log(q + 1e-20) - torch.log(torch.tensor([1.0 / 7]))))", []),
        ("-torch.sum(q * (torch.log(q + 1e-20) - torch.log(torch.Tensor([1.0 / 7]))))", ["VAE302"]),
        ("(q * torch.log(q * 7 + 1e-10)).sum()", []),
        ("-(q * torch.log(q * 7 + 1e-10)).sum()", ["VAE302"]),
        ("torch.sum(q * q.log() + math.log(7) * q)", []),
        ("torch.sum(q * (F.log_softmax(s, dim=-1) + math.log(7)), dim=1).sum()", []),
        ("torch.sum(q * (F.log_softmax(s, dim=-1) + math.log(7)), dim=0).mean()", ["VAE503"]),
        # An entropy may be wanted large or small.
        ("-torch.sum(q * torch.log(q + 1e-20))", []),
    ],
)
def test_categorical_posterior(kl: str, expected: list[str], tmp_path: Path) -> None:
    noise = "uniform = torch.rand_like(s)\n        sample = F.softmax(s - torch.log(-torch.log(uniform)), dim=-1)\n"
    edits = [
        ("eps = torch.randn_like(std)\n", noise),
        ("return m + eps * std", "return sample"),
        (KL, f"q = F.softmax(s, dim=-1)\n    kl = {kl}"),
    ]
    assert codes(tmp_path, *edits, seen="7" in kl) == expected
