"""What the function of a test computes by itself trains nothing; what a test calls is judged as everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

NET = """\
import torch
import torch.nn as nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.m, self.s = nn.Linear(60, 7), nn.Linear(60, 7)

    def forward(self, x):
        return self.m(x), self.s(x)


def draw(mu, logvar):
    return mu + logvar.exp() * torch.randn_like(mu)


def divergence(mu, logvar):
    return -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum()
"""
CHECK = """\
import torch

from net import Net, divergence, draw


def NAME():
    mu, logvar = Net()(torch.rand(5, 60))
    z = DRAWN
    kl = TERM
    (z.sum() + kl).backward()
    assert torch.isfinite(z).all()
"""
OWN = ("mu + logvar.exp() * torch.randn(5, 7)", "-0.5 * (1 + logvar - mu**2 - logvar.exp()).sum()")
CALLED = ("draw(mu, logvar)", "divergence(mu, logvar)")


@pytest.mark.parametrize(
    ("file", "name", "written", "codes"),
    [
        ("test_net.py", "test_gradient", OWN, []),
        ("net_test.py", "test_gradient", OWN, []),
        ("test_net.py", "test_gradient", CALLED, ["VAE201"]),
        ("check.py", "test_gradient", OWN, ["VAE201"]),
        # A script that has the name of a test may be one that trains.
        ("test_net.py", "train", OWN, ["VAE201"]),
    ],
)
def test_what_a_test_writes_down_itself(
    file: str, name: str, written: tuple[str, str], codes: list[str], tmp_path: Path
) -> None:
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")
    code = CHECK.replace("NAME", name).replace("DRAWN", written[0]).replace("TERM", written[1])
    (tmp_path / file).write_text(code, encoding="utf-8")
    assert [finding.code for finding in lint([tmp_path]).findings] == codes
