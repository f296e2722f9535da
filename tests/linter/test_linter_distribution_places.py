"""Distributions of torch: a wrong scale is shown where it is given, and the other way of a divergence is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

NET = """
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.first, self.second = nn.Linear(84, 33), nn.Linear(33, 7), nn.Linear(33, 7)
        self.back = nn.Linear(7, 84)

    def forward(self, x):
        h = torch.relu(self.body(x))
        mu, logvar = self.first(h), self.second(h)
        {draw}
        return self.back(z), mu, logvar


def loss(x_hat, x, mu, logvar):
    p, q = Normal(torch.zeros_like(mu), torch.ones_like(mu)), Normal(mu, torch.exp(0.5 * logvar))
    return F.mse_loss(x_hat, x, reduction="sum") + {kl}
"""
RIGHT = "kl_divergence(q, p).sum()"


@pytest.mark.parametrize(
    ("draw", "column"),
    [
        ("z = Normal(mu, logvar).rsample()", 24),
        ("z = Normal(mu, scale=logvar).rsample()", 30),
        ("q = Normal(mu, logvar)\n        z = q.rsample()", 24),
        ("z = Independent(Normal(mu, logvar), 1).rsample()", None),
        ("z = MultivariateNormal(mu, torch.diag_embed(logvar**2)).rsample()", None),
    ],
)
def test_a_scale_that_is_a_log_variance_is_shown_where_it_is_given(
    draw: str, column: int | None, tmp_path: Path
) -> None:
    (finding,) = linted(tmp_path, {"net.py": NET.format(draw=draw, kl=RIGHT)}).findings
    assert finding.code == "VAE201"
    if column is not None:
        assert finding.place is not None
        assert (finding.place.line, finding.place.column) == (17, column)
        assert finding.fix == "draw with torch.exp(0.5 * logvar), not with logvar"


def test_a_scale_that_is_a_std_is_silent(tmp_path: Path) -> None:
    draw = "z = Normal(mu, torch.exp(0.5 * logvar)).rsample()"
    assert codes(linted(tmp_path, {"net.py": NET.format(draw=draw, kl=RIGHT)})) == []


@pytest.mark.parametrize("kl", ["torch.sum({kl}, dim=-1).sum()", "{kl}.sum()"])
def test_a_reversed_divergence_is_written_with_its_sides_exchanged(kl: str, tmp_path: Path) -> None:
    draw = "z = Normal(mu, torch.exp(0.5 * logvar)).rsample()"
    wrong = NET.format(draw=draw, kl=kl.format(kl="kl_divergence(p, q)"))
    (finding,) = linted(tmp_path, {"net.py": wrong}).findings
    assert finding.code == "VAE306"
    assert "kl_divergence(q, p)" in finding.fix
