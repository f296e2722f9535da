"""Classes of the project that are derived from a torch distribution draw, and have a KL, as their base does."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

MODEL = (
    HEAD
    + """from torch import distributions as td
from torch.distributions import Independent, Normal, kl_divergence


class Diagonal(Normal):
    def to_standard(self):
        return (0.5 * (self.loc**2 + {spread} - 1) - self.scale.log()).sum(-1)

    def draw(self):
        return super().rsample()


class Latent(td.Independent):
    def __init__(self, mean, second):
        super().__init__(Normal(mean, {std}), 1)
        self.second = second


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)

    def forward(self, x):
        q = {made}
        return self.back(q.{drawn}()), q


def fit(net, loader, optimizer):
    for x in loader:
        y, q = net(x)
        kl = {kl}
        loss = (F.mse_loss(y, x, reduction="none").sum(-1) + kl).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
DIAGONAL = "Diagonal(self.to_m(x), F.softplus(self.to_s(x)) + 0.01)"
LATENT = "Latent(self.to_m(x), self.to_s(x))"
STANDARD = "kl_divergence(q, Independent(Normal(torch.zeros_like(q.mean), torch.ones_like(q.mean)), 1))"
BY_HAND = "-0.5 * (1 + q.second - q.mean**2 - q.second.exp()).sum(-1)"
# How the posterior is made and drawn from, its KL, and what each of two mistakes makes of them.
FORMS = {
    "a method of its own": (DIAGONAL, "draw", "q.to_standard()", ["VAE301"], []),
    "a method of its base": (DIAGONAL, "rsample", "kl_divergence(q, Normal(0.0, 1.0)).sum(-1)", [], []),
    "a base that is made": (LATENT, "rsample", STANDARD, [], []),
    "a head that it keeps": (LATENT, "rsample", BY_HAND, [], ["VAE201"]),
}


@pytest.mark.parametrize(("made", "drawn", "kl", "spread", "std"), FORMS.values(), ids=FORMS)
def test_a_distribution_of_the_project(
    made: str, drawn: str, kl: str, spread: list[str], std: list[str], tmp_path: Path
) -> None:
    parts = {"made": made, "drawn": drawn, "kl": kl, "spread": "self.scale**2", "std": "torch.exp(0.5 * second)"}
    report = linted(tmp_path, {"net.py": MODEL.format(**parts)})
    assert codes(report) == []
    assert any(facts.sampler.std and facts.kl.form and facts.recon.kind for facts in report.facts)
    assert set(codes(linted(tmp_path, {"net.py": MODEL.format(**{**parts, "spread": "self.scale"})}))) >= set(spread)
    assert codes(linted(tmp_path, {"net.py": MODEL.format(**{**parts, "std": "torch.exp(second)"})})) == std
