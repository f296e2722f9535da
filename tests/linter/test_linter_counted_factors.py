"""Weights by a number that an object counts on while it trains: the number that it begins with is that of no epoch."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, LAYERS, LAYERS_FORWARD, codes, linted

from vae_checked.reports import all_examined

TEXT = (
    HEAD
    + LAYERS
    + LAYERS_FORWARD
    + f"""

class Trainer:
    def __init__(self, most):
        self.net, self.most, self.seen, self.beta = Net(), most, 0, 0.0
        self.optimizer = torch.optim.Adam(self.net.parameters())

    def weight(self):
        return min(1.0, self.seen / 3000)

    def fit(self, loader):
        for x in loader:
            y, m, s = self.net(x)
            error = F.mse_loss(y, x, reduction="none").sum(1).mean()
            kl = ({KL}).mean()
            loss = error + {{weighed}}
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            {{counted}}
"""
)
ONE_MORE = "self.seen += 1"
COUNTED = {
    "divided": ("self.seen / 3000 * kl", ONE_MORE),
    "bounded": ("min(self.most, 1.0 * self.seen / self.most) * kl", ONE_MORE),
    "in a method": ("self.weight() * kl", ONE_MORE),
    "written out": ("self.weight() * kl", "self.seen = self.seen + 1"),
    "the weight itself": ("self.beta * kl", "self.beta += 0.01"),
    "the weight, bounded": ("self.beta * kl", "self.beta = min(1.0, self.beta + 0.01)"),
}


@pytest.mark.parametrize(("weighed", "counted"), COUNTED.values(), ids=COUNTED)
def test_a_kl_that_an_object_counts_in_is_weighed(weighed: str, counted: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": TEXT.format(weighed=weighed, counted=counted)})
    (vae,) = all_examined(report)
    assert not codes(report)
    assert vae.core_checked
    assert "VAE302" in vae.clean


@pytest.mark.parametrize("weighed", ["-self.weight() * kl", "-kl * (self.seen / 3000)"])
def test_a_minus_beside_what_is_counted_is_named(weighed: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"train.py": TEXT.format(weighed=weighed, counted=ONE_MORE)})) == ["VAE302"]


def test_what_stays_0_is_weighed_by_nothing(tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": TEXT.format(weighed="self.weight() * kl", counted="print(self.seen)")})
    (vae,) = all_examined(report)
    assert "VAE302" not in vae.clean
