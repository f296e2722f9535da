"""Several samples of one input: their errors add up to one term, and a division by their number makes a mean of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, codes, linted

MODEL = (
    HEAD
    + """
SAMPLES = 5


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)

    def draw(self, m, s):
        return m + torch.exp(0.5 * s) * torch.randn_like(s)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return [self.back(self.draw(m, s)) for _ in range(SAMPLES)], m, s


def loss_function(ys, x, m, s):
    error = 0
    for y in ys:
        error += {error}
    {mean}
    kl = {kl}
    return (error + kl).mean()


def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in loader:
        ys, m, s = net(x)
        loss = loss_function(ys, x, m, s)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
SUM = "F.mse_loss(y, x, reduction='none').sum(1)"
# The KL is counted once: its weight against one error is 1 over the sum of what the five errors weigh.
ERRORS = {
    "a mean over the samples": (SUM, "error /= len(ys)", 1.0, []),
    "a mean by a constant": (SUM, "error = error / SAMPLES", 1.0, []),
    "a mean over samples and elements": ("F.mse_loss(y, x)", "error /= len(ys)", 84.0, ["VAE502"]),
    "a sum over the samples": (SUM, "", 1 / 5, []),
    "a mean that is weighted": (SUM, "error = 3 * error / len(ys)", 1 / 3, []),
}


@pytest.mark.parametrize(("error", "mean", "beta", "expected"), ERRORS.values(), ids=ERRORS)
def test_errors_of_several_samples(error: str, mean: str, beta: float, expected: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": MODEL.format(error=error, mean=mean, kl=KL)})
    assert codes(report) == expected
    found = [facts.objective.effective_beta for facts in report.facts if facts.objective.effective_beta is not None]
    sizes = [factor.amount for factor in found[0].value.factors]
    assert found[0].value.constant * (sizes[0] if sizes else 1.0) == pytest.approx(beta)


TAUGHT = """\
import torch
import torch.nn as nn
from torch.distributions import Normal, kl_divergence


class Half(nn.Module):
    def __init__(self, taken, made):
        super().__init__()
        self.body = nn.Linear(taken, 2 * made)

    def forward(self, given):
        m, s = self.body(given).chunk(2, dim=1)
        return m, torch.exp(s)


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = Half(31, 7), Half(7, 31)

    def forward(self, x):
        m, std = self.up(x)
        z = Normal(m, std).sample()
        n, wide = self.down(z)
        error = -Normal(n, wide).log_prob(x).sum(dim=1).mean()
        return {loss}


net = Pair()
optimizer = torch.optim.Adam(net.parameters())
for x in torch.load("data.pt"):
    loss = net(x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
OF_NORMALS = "kl_divergence(Normal(m, std), Normal(torch.zeros_like(m), torch.ones_like(std))).sum(dim=1).mean()"


@pytest.mark.parametrize(("loss", "expected"), [("error", []), (f"error + {OF_NORMALS}", ["VAE206"])])
def test_networks_that_learn_from_samples_of_each_other_need_no_gradient(
    loss: str, expected: list[str], tmp_path: Path
) -> None:
    assert codes(linted(tmp_path, {"pair.py": TAUGHT.format(loss=loss)})) == expected
