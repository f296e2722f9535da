"""A distribution of the project that says its own KL: where code weighs that, nothing is left to say of its class."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, codes, linted

GAUSSIAN = """\
import math
import torch


class Gaussian:
    def __init__(self, m, s):
        self.m, self.s = m, s

    def rsample(self):
        return self.m + torch.exp({half} * self.s) * torch.randn_like(self.m)

    def log_prob(self, z):
        each = math.log(2 * math.pi) + self.s + (z - self.m).pow(2) / self.s.exp()
        return (-0.5 * each).sum(dim=-1)

    def kl(self):
        return 0.5 * (self.s.exp() + self.m.pow(2) - 1.0 - self.s).sum(dim=-1)
"""
NET = (
    HEAD
    + "from gaussian import Gaussian\n\n"
    + LAYERS
    + """
    def forward(self, x):
        posterior = Gaussian(self.to_m(x), self.to_s(x))
        z = posterior.rsample()
        return self.back(z), z, posterior
"""
)
TRAINING = (
    HEAD
    + """
from net import Net


def train(loader, prior, options):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        y, z, posterior = net(x)
        loss = ((y - x) ** 2).sum(dim=1).mean() {by} {kl}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
UNREAD = "(posterior.log_prob(z) - prior.density(z)).mean()"


@pytest.mark.parametrize(
    ("by", "half", "found"), [("+", "0.5", []), ("-", "0.5", ["VAE302"]), ("+", "1.0", ["VAE201"])]
)
def test_a_claim_that_is_weighed_is_told_by_the_training(by: str, half: str, found: list[str], tmp_path: Path) -> None:
    files = {
        "gaussian.py": GAUSSIAN.format(half=half),
        "net.py": NET,
        "train.py": TRAINING.format(by=by, kl="options.beta * posterior.kl().mean()"),
        "other.py": TRAINING.format(by="+", kl=UNREAD),
    }
    report = linted(tmp_path, files)
    assert codes(report) == found
    checked = {Path(vae.subject).name: vae.core_checked for vae in report.vaes}
    assert checked == {"train.py:train": True, "other.py:train": False}
