"""A KL to which a setting adds a number: it is a KL all the same, whatever the number is."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

TEXT = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, settings):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(90, 6), nn.Linear(90, 6), nn.Linear(6, 90)
        self.settings = settings

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.exp({half}s) * torch.randn_like(s)), m, s

    def loss(self, x):
        y, m, s = self(x)
        error = F.mse_loss(y, x, reduction="sum")
        return error + {kl}


def fit(loader, settings):
    net = Net(settings)
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        optimizer.zero_grad()
        net.loss(x).backward()
        optimizer.step()
"""
)
SHIFTED = {
    "beside the variance": "-0.5 * torch.sum(1 + s - m.pow(2) - (s.exp() + self.settings.small))",
    "with a weight": "-0.5 * self.settings.beta * torch.sum(1 + s - m.pow(2) - (s.exp() + self.settings.small))",
    "in the place of the one": "-0.5 * torch.sum(self.settings.one + s - m.pow(2) - s.exp())",
}
# What is no number that is added: it is in the exponent, or makes another number of the logarithm.
ANOTHER = {
    "in the exponent": "-0.5 * torch.sum(1 + s - m.pow(2) - (s + self.settings.small).exp())",
    "with the logarithm": "-0.5 * torch.sum(1 + self.settings.small * s - m.pow(2) - s.exp())",
}


@pytest.mark.parametrize("kl", SHIFTED.values(), ids=SHIFTED)
def test_a_kl_that_a_setting_shifts_is_one(kl: str, tmp_path: Path) -> None:
    report = linted(tmp_path / "right", {"net.py": TEXT.format(half="0.5 * ", kl=kl)})
    assert joined(report)
    assert codes(report) == []
    assert any("VAE301" in judged.clean for judged in report.judgements)
    assert codes(linted(tmp_path / "wrong", {"net.py": TEXT.format(half="", kl=kl)})) == ["VAE201"]


@pytest.mark.parametrize("kl", ANOTHER.values(), ids=ANOTHER)
def test_what_a_setting_bends_is_not_called_right(kl: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": TEXT.format(half="0.5 * ", kl=kl)})
    assert not any("VAE301" in judged.clean for judged in report.judgements)
