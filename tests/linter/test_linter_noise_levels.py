"""The std of a Gaussian likelihood weighs its error: the effective beta has it in it, or is not told."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, linted

from vae_checked.mathematics.effective_beta import rendered

NET = (
    HEAD
    + """
from torch.distributions import Normal, kl_divergence


class Net(nn.Module):
    def __init__(self, sigma, level=0.2):
        super().__init__()
        self.mu, self.raw, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)
        self.spread, self.level = nn.Linear(7, 84), nn.Parameter(torch.tensor(level))
        self.sigma = sigma

    def forward(self, x):
        q = Normal(self.mu(x), F.softplus(self.raw(x)))
        z = q.rsample()
        p = Normal(self.back(z), {std})
        kl = kl_divergence(q, Normal(0.0, 1.0))
        return -p.log_prob(x).sum(-1).mean() + kl.sum(-1).mean()


def fit(loader, sigma):
    net = Net(sigma)
    steps = torch.optim.Adam(net.parameters())
    for x, _ in loader:
        steps.zero_grad()
        net(x).backward()
        steps.step()
"""
)
STDS = {
    "1": ("1.0", ["2"]),
    "a number": ("0.1", ["0.02"]),
    "a tensor of one number": ("torch.tensor(0.5)", ["0.5"]),
    "a setting": ("self.sigma", ["2 * sigma * sigma"]),
    "learned": ("self.level.exp()", []),
    "of each element": ("F.softplus(self.spread(z))", []),
}


@pytest.mark.parametrize(("std", "texts"), STDS.values(), ids=STDS)
def test_the_effective_beta_has_the_noise_level_in_it(std: str, texts: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(std=std).replace("self.back(z)", "self.back(z).view(-1, 84)")})
    found = [facts.objective.effective_beta for facts in report.facts]
    assert [rendered(beta.value) for beta in found if beta is not None] == texts
    assert any(facts.recon.kind is not None for facts in report.facts)
    assert not report.findings
