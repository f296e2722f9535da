"""Settings that choose how std is drawn, and settings that choose the KL: one for both is read, two are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, linted

NET = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, first, other):
        super().__init__()
        self.first, self.other = first, other
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        std = {std}
        return self.back(m + std * torch.randn_like(s)), m, s

    def kl(self, m, s):
        if self.first:
            return -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
        return -0.5 * torch.sum(1 + 2 * s - m.pow(2) - (2 * s).exp(), dim=1)


def fit(loader, settings):
    net = Net(settings.first, settings.other)
    for x, _ in loader:
        y, m, s = net(x)
        loss = F.mse_loss(y, x, reduction="none").sum(1) + net.kl(m, s)
        loss.mean().backward()
"""
)


@pytest.mark.parametrize(
    ("std", "said"),
    [
        ("torch.exp(0.5 * s) if self.first else torch.exp(s)", "clean"),
        ("torch.exp(s) if self.first else torch.exp(0.5 * s)", "found"),
        ("torch.exp(0.5 * s) if self.other else torch.exp(s)", "undecided"),
        ("torch.exp(0.5 * s)", "undecided"),
    ],
    ids=["one setting", "one setting, exchanged", "two settings", "the KL alone is chosen"],
)
def test_what_the_head_is_under_settings(std: str, said: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(std=std)})
    verdicts = {
        "clean" if "VAE201" in judged.clean else "undecided" if "VAE201" in judged.undecided else "found"
        for judged in report.judgements
        if judged.subject.endswith("fit")
    }
    assert verdicts == {said}
