"""A prior that is a mixture of Gaussians: one cross entropy a component, and the entropy of the posterior once."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

from vae_checked.facts import Parametrisation

NET = (
    HEAD
    + """import math


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 33)
        self.weights = nn.Parameter(torch.ones(5) / 5)
        self.centres, self.spreads = nn.Parameter(torch.zeros(5, 7)), nn.Parameter(torch.zeros(5, 7))

    def loss(self, x):
        m, s = self.a(x), self.b(x)
        z = m + torch.exp({exponent} * s) * torch.randn_like(m)
        out = torch.sigmoid(self.back(z))
        recon = F.binary_cross_entropy(out, x, reduction="none").sum(1)
        c, t = self.centres.unsqueeze(0), self.spreads.unsqueeze(0)
        away = -0.5 * ((z.unsqueeze(1) - c) ** 2 / torch.exp(t) + t).sum(2)
        share = torch.softmax(torch.log(self.weights).unsqueeze(0) + away, dim=1)
        crossed = {crossed}
        classes = (share * torch.log(share / self.weights.unsqueeze(0))).sum(1)
        return (recon + 0.5 * (share * crossed.sum(2)).sum(1) + classes{entropy}).mean()
"""
)
CROSSED = {
    "log variances": "t + torch.exp(s.unsqueeze(1) - t) + (m.unsqueeze(1) - c).pow(2) / torch.exp(t)",
    "a quotient": "(torch.exp(s.unsqueeze(1)) + (m.unsqueeze(1) - c) ** 2) / t.exp() + math.log(2 * math.pi) + t",
    "variances of the prior": "torch.log(t) + torch.exp(s.unsqueeze(1)) / t + (m.unsqueeze(1) - c) ** 2 / t",
}
ENTROPY = " - 0.5 * torch.sum(1 + s, dim=1)"


@pytest.mark.parametrize("crossed", CROSSED)
def test_the_kl_to_a_mixture_is_joined(crossed: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(exponent="0.5", crossed=CROSSED[crossed], entropy=ENTROPY)})
    assert codes(report) == []
    (form,) = {
        facts.kl.form.value for facts in report.facts if facts.kl.form and facts.sampler.std and facts.recon.kind
    }
    assert (form.parametrisation, form.learned) == (Parametrisation.LOGVAR, True)


@pytest.mark.parametrize("crossed", CROSSED)
def test_the_kl_to_a_mixture_tells_how_the_second_head_is_read(crossed: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(exponent="1", crossed=CROSSED[crossed], entropy=ENTROPY)})
    assert codes(report) == ["VAE201"]


@pytest.mark.parametrize("entropy", ["", " - 0.5 * torch.sum(1 + s.pow(2), dim=1)", " - 0.5 * torch.sum(1 + t, dim=1)"])
def test_a_cross_entropy_without_the_entropy_is_no_kl(entropy: str, tmp_path: Path) -> None:
    text = NET.format(exponent="0.5", crossed=CROSSED["log variances"], entropy=entropy)
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == []
    assert all(facts.kl.form is None for facts in report.facts)
