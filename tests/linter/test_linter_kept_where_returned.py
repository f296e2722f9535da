"""What a branch binds to `self` before it returns is there afterwards, beside what the other way leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

_TRAINED = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader


class Net(nn.Module):
    def __init__(self, width=40, latents=7):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(width, 90), nn.ReLU())
        self.to_mu, self.to_second = nn.Linear(90, latents), nn.Linear(90, latents)
        self.dec = nn.Sequential(nn.Linear(latents, 90), nn.ReLU(), nn.Linear(90, width))

    def drawn(self, h):
{drawn}

    def forward(self, x):
        return self.dec(self.drawn(self.enc(x)))

    def loss(self, y, x):
        kl = -0.5 * torch.sum(1 + self.kept - self.mu.pow(2) - self.kept.exp())
        return F.mse_loss(y, x, reduction="sum") + kl


def train(data):
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters())
    for x in DataLoader(data, batch_size=5):
        optimizer.zero_grad()
        loss = net.loss(net(x), x)
        loss.backward()
        optimizer.step()
"""
_ONE = """\
        if self.training:
            self.mu = self.to_mu(h)
            self.kept = self.to_second(h){of}
            return self.mu + torch.randn_like(self.mu) * {std}
        self.mu = self.to_mu(h)
        return self.mu"""
_BEFORE = """\
        self.mu = self.to_mu(h)
        if self.training:
            self.kept = self.to_second(h){of}
            return self.mu + torch.randn_like(self.mu) * {std}
        return self.mu"""
_ELSE = """\
        self.mu = self.to_mu(h)
        if not self.training:
            return self.mu
        else:
            self.kept = self.to_second(h){of}
            return self.mu + torch.randn_like(self.mu) * {std}"""
_BEHIND = """\
        self.mu = self.to_mu(h)
        if self.sampled:
            self.kept = self.to_second(h){of}
        else:
            self.kept = self.to_second(h){of}
            return self.mu
        return self.mu + torch.randn_like(self.mu) * {std}"""
_UNSET = """\
        self.kept = None
        self.mu = self.to_mu(h)
        if self.training:
            self.kept = self.to_second(h){of}
            return self.mu + torch.randn_like(self.mu) * {std}
        return self.mu"""
_WAYS = {"one": _ONE, "before": _BEFORE, "else": _ELSE, "behind": _BEHIND, "unset": _UNSET}


def _codes(tmp_path: Path, way: str, of: str, std: str) -> set[str]:
    drawn = _WAYS[way].format(of=of, std=std)
    (tmp_path / "net.py").write_text(_TRAINED.format(drawn=drawn), encoding="utf-8")
    report = lint([tmp_path])
    assert any("VAE302" in each.clean for each in report.judgements)
    return {each.code for each in report.findings}


@pytest.mark.parametrize("way", _WAYS)
def test_the_kl_is_of_what_a_branch_kept_that_returns(way: str, tmp_path: Path) -> None:
    assert _codes(tmp_path, way, "", "torch.exp(0.5 * self.kept)") == set()


@pytest.mark.parametrize("way", _WAYS)
def test_a_std_that_a_returning_branch_kept_is_read_as_one(way: str, tmp_path: Path) -> None:
    assert _codes(tmp_path, way, ".exp()", "self.kept") == {"VAE201"}
