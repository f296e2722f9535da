"""Errors against numbers that code counts off: those of a statistic, and those of what a network models."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

STATISTIC = (
    HEAD
    + """
class Sketch(nn.Module):
    def __init__(self):
        super().__init__()
        points = {points}
        self.register_buffer("points", points)
        self.register_buffer("wanted", torch.exp(-points.square() / 2))

    def forward(self, code):
        waves = (code @ torch.randn(code.size(-1), 43)).unsqueeze(-1) * self.points
        return (waves.cos().mean(-3) - self.wanted).square() + waves.sin().mean(-3).square()


net, sketch = nn.Linear(84, 7), Sketch()
steps = torch.optim.Adam(net.parameters())
for x in DataLoader(records, 32):
    code = net(x)
    loss = F.mse_loss(code, code.detach()) + sketch(code).mean()
    steps.zero_grad()
    loss.backward()
    steps.step()
"""
)
POINTS = {
    "linspace": "torch.linspace(0, 3, 17)",
    "arange": "torch.arange(17) / 5",
    "logspace": "torch.logspace(-1, 1, 17)",
    "of NumPy": "torch.from_numpy(np.linspace(0, 3, 17))",
}


@pytest.mark.parametrize("points", POINTS.values(), ids=POINTS)
def test_a_statistic_against_points_of_a_grid_is_no_reconstruction(points: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": "import numpy as np\n" + STATISTIC.format(points=points)})
    assert codes(report) == []
    kinds = [facts.recon.kind for facts in report.facts if facts.recon.kind is not None]
    assert not any("wanted" in kind.origin.source for kind in kinds)


CURVE = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


x = torch.linspace(-3, 3, 84).repeat(31, 1)
net = Net()
steps = torch.optim.Adam(net.parameters())
for _ in range(100):
    y, m, s = net(x)
    loss = F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
    steps.zero_grad()
    loss.backward()
    steps.step()
"""
)


def test_points_of_a_grid_that_a_network_is_given_are_its_data(tmp_path: Path) -> None:
    (facts,) = joined(linted(tmp_path, {"net.py": CURVE}))
    assert facts.recon.kind is not None
