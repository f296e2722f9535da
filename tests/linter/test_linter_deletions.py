"""Layers that `del` takes out of what holds them: what is left of a decoder is what runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LOOP, linted

from vae_checked.reports import all_examined

LOSS = 'loss = F.binary_cross_entropy_with_logits(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())'
NET = (
    HEAD
    + """
from collections import OrderedDict


class Net(nn.Module):
    def __init__(self, settings=None, logits=True):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(84, 7), nn.Linear(84, 7)
        wide, squashed = nn.Linear(7, 84), nn.Sigmoid()
        self.back = {back}
        {change}

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        y = m + torch.randn_like(m) * torch.exp(0.5 * s)
        for layer in {layers}:
            y = layer(y)
        return y, m, s
"""
    + LOOP.format(loss=LOSS, differentiated="loss.backward()")
)
CHAIN, LIST = "nn.Sequential(wide, squashed)", "nn.ModuleList([wide, squashed])"
NAMED = 'nn.Sequential(OrderedDict([("wide", wide), ("squashed", squashed)]))'
TABLE = 'nn.ModuleDict({"wide": wide, "squashed": squashed})'
GONE = {
    "the last": (CHAIN, "del self.back[-1]"),
    "by its number": (CHAIN, "del self.back[1]"),
    "of a list": (LIST, "del self.back[-1]"),
    "all from one on": (CHAIN, "del self.back[1:]"),
    "of those with names": (NAMED, "del self.back[-1]"),
    "by its name": (NAMED, "del self.back.squashed"),
    "of a table": (TABLE, 'del self.back["squashed"]'),
    "one of two things": (LIST, "del settings, self.back[-1]"),
    "of Python's list": ("[wide, squashed]", "del self.back[-1]\n        self.back = nn.Sequential(*self.back)"),
    "as a default says": (CHAIN, "if logits:\n            del self.back[-1]"),
    "another in its place": (CHAIN, "self.back[-1] = nn.Identity()"),
    "another for a named one": (NAMED, "self.back[-1] = nn.Identity()"),
}
LEFT = {
    "another one": ("nn.Sequential(wide, squashed, nn.Dropout())", "del self.back[-1]"),
    "one that is not there": (CHAIN, "del self.back[5]"),
    "the first of three": ("nn.Sequential(nn.ReLU(), wide, squashed)", "del self.back[0]"),
    "where a default says not": (CHAIN, "if not logits:\n            del self.back[-1]"),
}
OPEN = {
    "a number that nobody knows": (CHAIN, "del self.back[settings.cut]"),
    "ends that nobody knows": (LIST, "del self.back[settings.cut:]"),
    "perhaps": (CHAIN, "if settings.logits:\n            del self.back[-1]"),
}


def judged(folder: Path, back: str, change: str) -> tuple[list[str], set[str]]:
    """The mistakes that are found, and what is clean."""
    layers = "self.back.values()" if back == TABLE else "self.back"
    report = linted(folder, {"net.py": NET.format(back=back, change=change, layers=layers)})
    clean = {code for one in all_examined(report) for code in one.clean}
    return sorted({each.code for each in report.findings}), clean


@pytest.mark.parametrize(("back", "change"), GONE.values(), ids=GONE)
def test_an_activation_that_is_deleted_is_gone(back: str, change: str, tmp_path: Path) -> None:
    found, clean = judged(tmp_path, back, change)
    assert found == []
    assert "VAE401" in clean


@pytest.mark.parametrize(("back", "change"), LEFT.values(), ids=LEFT)
def test_an_activation_that_is_left_is_named(back: str, change: str, tmp_path: Path) -> None:
    assert judged(tmp_path, back, change)[0] == ["VAE401"]


@pytest.mark.parametrize(("back", "change"), OPEN.values(), ids=OPEN)
def test_what_may_be_deleted_is_open(back: str, change: str, tmp_path: Path) -> None:
    found, clean = judged(tmp_path, back, change)
    assert found == []
    assert "VAE401" not in clean
