"""Weights that come to no number: a quotient of zeros, the logarithm of zero. They are weights like others."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

from vae_checked.reports import FORMATS, render

TEXT = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(90, 6), nn.Linear(90, 6), nn.Linear(6, 90)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.exp({half}s) * torch.randn_like(s)), m, s


net = Net()
optimizer = torch.optim.Adam(net.parameters())
weight = {weight}
for x in torch.load("rows.pt"):
    y, m, s = net(x)
    error = ((y - x) ** 2).sum(1).mean()
    kl = 0.5 * (m ** 2 + s.exp() - 1 - s).sum(1).mean()
    optimizer.zero_grad()
    ({error} + {kl}).backward()
    optimizer.step()
"""
)
WEIGHTS = (
    "torch.zeros(30) / torch.zeros(30).sum()",
    "torch.zeros(30).log()",
    "1 / torch.zeros(30)",
    "torch.ones(30).div(torch.zeros(30))",
    "torch.full((30,), -1.0).sqrt()",
    'float("nan")',
    'float("inf")',
)


@pytest.mark.parametrize("terms", [("error * weight", "kl"), ("error", "weight * kl")], ids=["error", "kl"])
@pytest.mark.parametrize("weight", WEIGHTS)
def test_a_weight_that_comes_to_no_number_is_one(weight: str, terms: tuple[str, str], tmp_path: Path) -> None:
    error, kl = terms
    report = linted(tmp_path / "right", {"net.py": TEXT.format(half="0.5 * ", weight=weight, error=error, kl=kl)})
    assert joined(report)
    assert codes(report) == []
    assert all("VAE303" not in judged.clean for judged in report.judgements)
    assert all(isinstance(render(report, form), str) for form in FORMATS)
    assert "nan" not in str(report)
    wrong = linted(tmp_path / "wrong", {"net.py": TEXT.format(half="", weight=weight, error=error, kl=kl)})
    assert codes(wrong) == ["VAE201"]
