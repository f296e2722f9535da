"""A bound that takes the density of a label away, beside a likelihood and the KL: its sign is no sign of theirs."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

SCENE = (
    HEAD
    + """
from torch import distributions as dist


class Captured(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.to_m, self.to_s = nn.Linear(84, 33), nn.Linear(33, 7), nn.Linear(33, 7)
        self.back, self.weight = nn.Linear(7, 84), nn.Parameter(torch.ones(7))

    def bound(self, x):
        h = torch.relu(self.trunk(x))
        m, std = self.to_m(h), F.softplus(self.to_s(h)) + 1e-3
        q, p = dist.Normal(m, std), dist.Normal(torch.zeros_like(m), torch.ones_like(std))
        z = q.rsample()
        label = dist.Bernoulli(logits=self.weight * z)
        y = label.sample()
        log_label = label.log_prob(y).sum(dim=-1)
        kl = dist.kl_divergence(q, p).sum(dim=-1)
        likelihood = {likelihood}
        elbo = likelihood {sign} kl - log_label
        return -elbo, -likelihood, kl
"""
)
READ = "-F.mse_loss(self.back(z), x, reduction='none').sum(dim=-1)"


@pytest.mark.parametrize("likelihood", [READ, "density(x)"])
def test_the_density_of_a_label_that_is_taken_away_turns_no_kl(likelihood: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"model.py": SCENE.format(likelihood=likelihood, sign="-")})) == []


def test_a_kl_that_is_added_to_the_likelihood_is_named(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"model.py": SCENE.format(likelihood=READ, sign="+")})) == ["VAE302"]
