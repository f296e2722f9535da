"""Posteriors that are given relative to a prior of their own level, in classes of their own: NVAE's form."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

LEVELS = (
    HEAD
    + """

class Gaussian:
    def __init__(self, mean, width):
        self.mean = torch.tanh(mean / 5) * 5
        self.std = torch.exp(torch.tanh(width / 5) * 5) + 1e-2

    def sample(self):
        eps = self.mean.mul(0).normal_()
        return eps.mul_({std}).add_(self.mean)

    def kl(self, other):
        far, wide = (self.mean - other.mean) / other.std, self.std / other.std
        return 0.5 * (far * far + wide * wide) - 0.5 - torch.log(wide)


class Levels(nn.Module):
    def __init__(self, count=3, wide=31, latents=5, seen=84):
        super().__init__()
        self.down, self.out = nn.Linear(seen, wide), nn.Linear(wide, seen)
        self.q = nn.ModuleList(nn.Linear(2 * wide, 2 * latents) for _ in range(count))
        self.p = nn.ModuleList(nn.Linear(wide, 2 * latents) for _ in range(count))
        self.up = nn.ModuleList(nn.Linear(wide + latents, wide) for _ in range(count))

    def forward(self, x):
        h = self.down(x)
        s, pairs = torch.zeros_like(h), []
        for q, p, up in zip(self.q, self.p, self.up):
            m, w = p(s).chunk(2, -1)
            dm, dw = q(torch.cat([h, s], -1)).chunk(2, -1)
            prior, posterior = Gaussian(m, w), Gaussian(m + dm, w + dw)
            pairs.append((posterior, prior))
            s = up(torch.cat([s, posterior.sample()], -1))
        return self.out(s), [torch.sum({kl}, dim=1) for q, p in pairs]


def fit(net, loader, optimizer):
    for x, _ in loader:
        y, terms = net(x)
        error = F.binary_cross_entropy_with_logits(y, x, reduction="none").sum(1)
        loss = torch.mean(error + torch.stack(terms, dim=1).sum(dim=1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)


@pytest.mark.parametrize(
    ("std", "kl", "expected"),
    [
        ("self.std", "q.kl(p)", []),
        ("self.std.sqrt()", "q.kl(p)", ["VAE201"]),
        ("self.std", "p.kl(q)", ["VAE306"]),
    ],
    ids=["right", "a variance for a std", "arguments exchanged"],
)
def test_posteriors_relative_to_the_priors_of_their_levels(
    std: str, kl: str, expected: list[str], tmp_path: Path
) -> None:
    report = linted(tmp_path, {"net.py": LEVELS.format(std=std, kl=kl)})
    assert codes(report) == expected
    assert any(facts.sampler.std and facts.kl.form and facts.recon.kind for facts in report.facts)
    assert any({"VAE302", "VAE305"} <= set(each.clean) for each in report.judgements)
