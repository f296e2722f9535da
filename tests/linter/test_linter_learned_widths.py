"""A prior whose width or mean is a parameter of the model: no network says it, and the KL is to that prior."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

MODEL = f"""{HEAD}from torch.distributions import Normal, kl_divergence

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)
        self.width = nn.Parameter(torch.zeros(7))

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)), m, s

    def loss(self, x):
        y, m, s = self(x)
        return ((y - x) ** 2).sum() + {{kl}}.sum()
"""
GOOD = {
    "a log variance": "0.5 * ((m**2 + s.exp()) / self.width.exp() - 1 + self.width - s)",
    "a log std": "0.5 * ((m**2 + s.exp()) / torch.exp(2 * self.width) - 1 + 2 * self.width - s)",
    "bounded": "0.5 * ((m**2 + s.exp()) / (w := self.width.view(1, -1).clamp(min=1e-5)) ** 2 - 1 + 2 * w.log() - s)",
    "a mean": "0.5 * ((m - self.width) ** 2 + s.exp() - 1 - s)",
    "a mean of a distribution": "kl_divergence(Normal(m, torch.exp(0.5 * s)), Normal(self.width, torch.ones_like(s)))",
    "of distributions": "kl_divergence(Normal(m, torch.exp(0.5 * s)), Normal(0, self.width.exp()))",
    "positive": "kl_divergence(Normal(m, torch.exp(0.5 * s)), Normal(torch.zeros_like(m), F.softplus(self.width)))",
}
BAD = {
    "VAE201": "0.5 * ((m**2 + torch.exp(2 * s)) / self.width.exp() - 1 + self.width - 2 * s)",
    "VAE302": "-0.5 * ((m**2 + s.exp()) / self.width.exp() - 1 + self.width - s)",
    "VAE504": "0.5 * ((m**2 + s.exp()) / self.width.exp() - 1 + self.width - s).mean(0)",
}


@pytest.mark.parametrize("form", GOOD)
def test_a_kl_to_a_prior_that_is_learned_so_is_read(form: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": MODEL.replace("{kl}", f"({GOOD[form]})")})
    assert codes(report) == []
    assert joined(report)


@pytest.mark.parametrize("code", BAD)
def test_mistakes_of_such_a_kl_are_named(code: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": MODEL.replace("{kl}", f"({BAD[code]})")})) == [code]


@pytest.mark.parametrize(
    "kl", ["(m**2 + s.exp()) / self.width.exp() - 1 - s", "self.width.exp() * m**2 - s - self.width"]
)
def test_what_is_no_such_kl_stays_open(kl: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": MODEL.replace("{kl}", f"(0.5 * ({kl}))")})
    assert (codes(report), joined(report)) == ([], [])
