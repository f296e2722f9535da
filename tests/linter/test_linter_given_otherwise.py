"""A sampler that is right for what it is given, and is given something else than the head that the KL reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

NET = """
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.first, self.second = nn.Linear(84, 33), nn.Linear(33, 7), nn.Linear(33, 7)
        self.back = nn.Linear(7, 84)

    def draw(self, mean, spread):
        return mean + {std} * torch.randn_like(mean)

    def forward(self, x):
        h = torch.relu(self.body(x))
        mu, logvar = self.first(h), self.second(h)
        return self.back(self.draw(mu, {given})), mu, logvar


net = Net()
optimizer = torch.optim.Adam(net.parameters())
for x, y in loader:
    x_hat, mu, logvar = net(x)
    loss = F.mse_loss(x_hat, x, reduction="sum") - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
GIVEN = "give the sampler the logvar that the KL reads, or the KL what the sampler is given"


@pytest.mark.parametrize(
    ("std", "given", "found", "fix"),
    [
        ("torch.exp(spread / 2)", "logvar", [], None),
        ("torch.exp(spread / 2)", "F.softplus(logvar)", ["VAE201"], GIVEN),
        ("torch.exp(spread / 2)", "logvar / 2", ["VAE201"], GIVEN),
        ("torch.exp(spread)", "logvar", ["VAE201"], "return mean + torch.exp(0.5 * spread) * torch.randn_like(mean)"),
        # The head by the name that the sampler has for it, and a formula of no width at all.
        ("(0.5 * torch.exp(spread))", "logvar", ["VAE201"], "draw with torch.exp(0.5 * spread)"),
        ("(0.3 + spread.exp().mul(0.5))", "logvar", ["VAE201"], "draw with torch.exp(0.5 * spread)"),
        ("(0.5 * torch.exp(spread))", "F.softplus(logvar)", ["VAE201"], GIVEN),
    ],
)
def test_the_remedy_stands_where_the_fault_is(
    std: str, given: str, found: list[str], fix: str | None, tmp_path: Path
) -> None:
    report = linted(tmp_path, {"net.py": NET.format(std=std, given=given)})
    assert codes(report) == found
    assert [finding.fix for finding in report.findings] == ([] if fix is None else [fix])
