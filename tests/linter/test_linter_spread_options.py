"""Options that a dict may give which is not read: what a default alone chooses is the choice of nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

from vae_checked.reports import all_examined

NET = """\
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self, wide=48, codes=7, {option}):
        super().__init__()
        self.back = nn.Sequential(nn.Flatten(), nn.Linear(3 * 20 * 28, wide), nn.ReLU())
        self.mu = nn.Linear(wide, codes)
        self.logvar = nn.Linear(wide, codes)
        self.out = nn.Sequential(nn.Linear(codes, wide), nn.ReLU(), nn.Linear(wide, 3 * 20 * 28))
        {choice}

    def forward(self, x):
        h = self.back(x)
        m, s = self.mu(h), self.logvar(h)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return self.last(self.out(z)).view(-1, 3, 20, 28), m, s


@dataclass
class Settings:
    last: str = "sigmoid"
    wide: int = 64


class Trainer:
    def __init__(self, **options):
        self.net = Net(**options)


def train(loader, options, **more):
    {made}
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in loader:
        y, m, s = net(x)
        error = F.binary_cross_entropy(y, x, reduction="sum") / len(x)
        loss = error - 0.5 * (1 + s - m ** 2 - s.exp()).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
BY_NAME = 'last="sigmoid"', 'self.last = nn.Sigmoid() if last == "sigmoid" else nn.Identity()'
CHOICES = {
    "a name": BY_NAME,
    "a table": ('last="sigmoid"', 'self.last = {"sigmoid": nn.Sigmoid(), "none": nn.Identity()}[last]'),
    "a flag": ("squash=True", "self.last = nn.Sigmoid() if squash else nn.Identity()"),
    "what is called": ("last=torch.sigmoid", "self.last = last"),
    "asked for": ("**rest", 'self.last = nn.Sigmoid() if rest.get("last", "sigmoid") == "sigmoid" else nn.Identity()'),
    "taken out": ("**rest", 'self.last = nn.Sigmoid() if rest.pop("squash", True) else nn.Identity()'),
}
OPEN = {
    "an argument": "net = Net(**options)",
    "an entry": 'net = Net(wide=64, **options["model"])',
    "its own arguments": "net = Net(**more)",
    "a trainer's arguments": "net = Trainer(**options).net",
    "a dict of it": "net = Net(**dict(wide=64, **options))",
    "a dict with it": 'net = Net(**{"wide": 64, **options})',
}
KNOWN = {
    "nothing": "net = Net()",
    "a size": "net = Net(wide=64)",
    "a dict of a size": 'net = Net(**{"wide": 64})',
    "a made dict of a size": "sizes = dict(wide=64)\n    net = Net(**sizes)",
}


def _judged(folder: Path, choice: tuple[str, str], made: str) -> tuple[list[str], set[str]]:
    report = linted(folder, {"net.py": NET.format(option=choice[0], choice=choice[1], made=made)})
    return codes(report), {code for each in all_examined(report) for code in each.clean}


@pytest.mark.parametrize("made", OPEN.values(), ids=OPEN)
@pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)
def test_what_a_dict_may_choose_is_left_open(choice: tuple[str, str], made: str, tmp_path: Path) -> None:
    found, clean = _judged(tmp_path, choice, made)
    assert found == []
    assert "VAE402" not in clean
    assert {"VAE201", "VAE301", "VAE302", "VAE602"} <= clean


@pytest.mark.parametrize("made", KNOWN.values(), ids=KNOWN)
@pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)
def test_a_default_that_nothing_replaces_is_judged(choice: tuple[str, str], made: str, tmp_path: Path) -> None:
    assert "VAE402" in _judged(tmp_path, choice, made)[1]


@pytest.mark.parametrize("made", ['net = Net(last="none", **options)', 'net = Net(**{**options, "last": "none"})'])
def test_what_is_given_beside_the_dict_is_still_named(made: str, tmp_path: Path) -> None:
    assert _judged(tmp_path, BY_NAME, made)[0] == ["VAE402"]


def test_a_record_of_a_dict_is_left_open(tmp_path: Path) -> None:
    open_, whole = "net = Net(last=Settings(**options).last)", "net = Net(last=Settings(wide=81).last)"
    assert "VAE402" not in _judged(tmp_path, BY_NAME, open_)[1]
    assert "VAE402" in _judged(tmp_path, BY_NAME, whole)[1]
