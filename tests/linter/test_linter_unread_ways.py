"""A KL that another term takes the place of under a condition is right on its own way, and open on the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

NET = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.to_m, self.to_s = nn.Linear(784, 33), nn.Linear(33, 7), nn.Linear(33, 7)
        self.back = nn.Sequential(nn.Linear(7, 784), nn.Sigmoid())

    def forward(self, x):
        h = F.relu(self.trunk(x))
        m, s = self.to_m(h), self.to_s(h)
        z = m + torch.exp(s / 2) * torch.randn_like(m)
        return self.back(z), m, s, z

    def cost(self, x, turn, old):
        out, mu, logvar, z = self(x)
        error = F.binary_cross_entropy(out, x, reduction="sum")
        if turn != 0:
            kl = OTHER
        else:
            kl = KL
        return WHOLE


def train(turn, loader, old):
    model = Net()
    optimizer = torch.optim.Adam(model.parameters())
    for x in loader:
        optimizer.zero_grad()
        model.cost(x, turn, old).backward()
        optimizer.step()
"""
CLOSED = "-0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())"
OF_THE_KL = {"VAE301", "VAE302", "VAE304", "VAE502", "VAE504"}
WAYS = {
    "another formula of both heads": ("old.distance(mu, logvar)", CLOSED, "error + kl", [], False),
    "with the error": ("old.distance(mu, logvar)", CLOSED, "error + 2 * kl if turn == 1 else error + kl", [], False),
    "none": ("0", CLOSED, "error + kl", [], True),
    "a distance of samples": ("old.distance(z)", CLOSED, "error + kl", [], True),
    "what is decoded from both": (
        "F.mse_loss(self.back(mu + logvar), x)",
        CLOSED,
        "error + kl",
        [],
        True,
    ),
    "of the mean alone": ("mu.pow(2).sum()", CLOSED, "error + kl", [], True),
    "the same, bounded": (f"torch.clamp({CLOSED}, min=3.0)", CLOSED, "error + kl", [], True),
    "a mistake is one on its own way": ("old.distance(mu, logvar)", f"-({CLOSED})", "error + kl", ["VAE302"], False),
}


@pytest.mark.parametrize(("other", "kl", "whole", "found", "is_clean"), WAYS.values(), ids=WAYS)
def test_what_a_condition_puts_in_the_place_of_a_kl(
    other: str, kl: str, whole: str, found: list[str], is_clean: bool, tmp_path: Path
) -> None:
    code = NET.replace("OTHER", other).replace("KL", kl).replace("WHOLE", whole)
    (tmp_path / "net.py").write_text(code, encoding="utf-8")
    report = lint([tmp_path])
    assert [each.code for each in report.findings] == found
    clean = {code for vae in report.vaes for code in vae.clean}
    assert clean & OF_THE_KL == (OF_THE_KL if is_clean else set())
    assert {"VAE202", "VAE505"} <= clean
