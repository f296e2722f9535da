"""Codes that get the mean and the width of data are no draws of a posterior: nothing is said of their noise."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

SCENE = (
    HEAD
    + """

class Quantizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("codes", torch.randn(91, 7))
        self.register_buffer("first", torch.ones(1))

    def forward(self, h):
        if self.training and self.first:
            self.begin(h)
        near = F.embedding(torch.cdist(h, self.codes).argmin(1), self.codes)
        return h + (near - h).detach(), F.mse_loss(near.detach(), h)

    def begin(self, h):
        mean, std = {statistics}
        {filled}
        self.first.mul_(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_h, self.quantized, self.back = nn.Linear(33, 7), Quantizer(), nn.Linear(7, 33)

    def forward(self, x):
        z, bound = self.quantized(self.to_h(x))
        return self.back(z), bound


def train(loader):
    net = Net()
    for turn, x in enumerate(loader):
        y, bound = net(x)
        loss = F.mse_loss(y, x) + 0.25 * bound
        loss.backward()
        if turn % 10 == 0:
            print(F.mse_loss(net(x)[0], x))
"""
)
IN_PLACE = "self.codes.mul_(std); self.codes.add_(mean)"


@pytest.mark.parametrize(
    ("statistics", "filled"),
    [
        ("h.mean(dim=0), h.std(dim=0)", IN_PLACE),
        ("h.mean(0), h.var(0).sqrt()", IN_PLACE),
        ("torch.mean(h, dim=0), torch.std(h, dim=0) + 1e-5", IN_PLACE),
        ("h.mean(0), h.std(0)", "self.codes = mean + std * self.codes"),
        ("h.mean(0, keepdim=True), h.std(0, keepdim=True)", "self.codes = mean + std * torch.rand_like(self.codes)"),
    ],
)
def test_codes_with_the_statistics_of_data_are_no_latents(statistics: str, filled: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": SCENE.format(statistics=statistics, filled=filled)})
    assert codes(report) == []
    assert not [facts for facts in report.facts if facts.sampler.std]


def test_heads_of_pooled_rows_are_a_posterior(tmp_path: Path) -> None:
    text = (
        HEAD
        + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 33)

    def forward(self, x):
        m, s = self.a(x).mean(0), self.b(x).mean(0)
        z = m + torch.exp(s) * torch.randn_like(s)
        return F.mse_loss(self.back(z), x) - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
"""
    )
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE201"]
