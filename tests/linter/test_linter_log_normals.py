"""A log-normal posterior is the exponential of a normal one, and their divergences are the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

SCENE = (
    HEAD
    + """
from torch.distributions import Gamma, LogNormal, Normal, kl_divergence


class Topics(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.to_m, self.to_s = nn.Linear(84, 33), nn.Linear(33, 7), nn.Linear(33, 7)
        self.words = nn.Linear(7, 84)

    def forward(self, x):
        h = F.softplus(self.trunk(x))
        q = LogNormal(self.to_m(h), (0.5 * self.to_s(h)).exp())
        t = q.{draw}()
        return F.log_softmax(self.words(t / t.sum(1, keepdim=True)), dim=1), q, t


def train(batches):
    model = Topics()
    optimizer = torch.optim.Adam(model.parameters())
    for x in batches:
        words, q, t = model(x)
        p = {prior}
        loss = -torch.sum(x * words) {kl}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
STANDARD = "LogNormal(torch.zeros_like(q.loc), torch.ones_like(q.scale))"
WHOLE = "+ kl_divergence(q, p).sum()"
SAMPLED = "+ (q.log_prob(t) - p.log_prob(t)).sum()"


@pytest.mark.parametrize(
    ("kl", "draw", "expected"),
    [
        (WHOLE, "rsample", []),
        (SAMPLED, "rsample", []),
        ("- kl_divergence(q, p).sum()", "rsample", ["VAE302"]),
        ("+ kl_divergence(p, q).sum()", "rsample", ["VAE306"]),
        (WHOLE, "sample", ["VAE206"]),
    ],
)
def test_a_log_normal_posterior_is_judged_as_a_normal_one(
    kl: str, draw: str, expected: list[str], tmp_path: Path
) -> None:
    report = linted(tmp_path, {"train.py": SCENE.format(kl=kl, draw=draw, prior=STANDARD)})
    assert codes(report) == expected
    assert joined(report)


@pytest.mark.parametrize("prior", ["Normal(0.0, 1.0)", "Gamma(torch.ones(7), torch.ones(7))"])
def test_the_divergence_to_another_family_is_not_read(prior: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": SCENE.format(kl=WHOLE, draw="rsample", prior=prior)})
    assert codes(report) == []
    assert not joined(report)
