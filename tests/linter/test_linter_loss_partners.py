"""Which error belongs to a KL where z is not seen to reach it, or where what is decoded is drawn from as well."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, MODEL, codes, linted

BESIDE = (
    HEAD
    + MODEL.replace("self.back", "self.words, self.number, self.back").replace(
        "= nn.Sequential(nn.Linear(7", "= nn.Linear(33, 12), nn.Linear(7, 1), nn.Sequential(nn.Linear(7"
    )
    + """
    def forward(self, x, words, number):
        m, s = self.encode(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        self.kept = self.back(z)
        said = F.log_softmax(self.words(words), dim=2)
        loss = F.nll_loss(said.permute(0, 2, 1), words) + """
    + KL
    + """.mean()
        return loss{more}
"""
)


def test_the_only_error_beside_a_kl_goes_with_it(tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": BESIDE.format(more="")})
    (facts,) = (facts for facts in report.facts if facts.sampler.std and facts.kl.form and facts.recon.kind)
    assert codes(report) == []
    # It may be of something else: nothing is said of its axes beside those of the KL.
    assert facts.recon.reduced is None
    assert "no way from z" in facts.unobserved["kl.sign"]


def test_an_error_of_what_is_told_by_the_mean_is_none_of_z(tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": BESIDE.format(more=" + F.mse_loss(self.number(m), number)")})
    kinds = {facts.recon.kind.value.value for facts in report.facts if facts.sampler.std and facts.recon.kind}
    assert kinds == {"cross entropy"}


def test_of_two_errors_beside_a_kl_none_is_chosen(tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": BESIDE.format(more=" + F.l1_loss(self.words(number), words)")})
    assert not [facts for facts in report.facts if facts.sampler.std and facts.recon.kind]


DRAWN_TWICE = (
    HEAD
    + """

class Stochastic(nn.Module):
    def __init__(self, there, here):
        super().__init__()
        self.both = nn.Linear(there, 2 * here)

    def forward(self, x):
        m, s = torch.chunk(self.both(x), 2, dim=-1)
        q = torch.distributions.Normal(m, F.softplus(s))
        return q, q.rsample()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.there, self.back = Stochastic(84, 7), Stochastic(7, 84)

    def forward(self, x):
        q, z = self.there(x)
        p, _ = self.back(z)
        prior = torch.distributions.Normal(torch.zeros_like(z), torch.ones_like(z))
        kl = torch.distributions.kl_divergence({order})
        return (kl.sum(-1) - p.log_prob(x).sum(-1)).mean()
"""
)


def test_a_decoded_distribution_that_is_drawn_from_is_no_latent(tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": DRAWN_TWICE.format(order="q, prior")})
    assert codes(report) == []
    assert [facts for facts in report.facts if facts.sampler.std and facts.kl.form and facts.recon.kind]


def test_its_kl_is_judged(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": DRAWN_TWICE.format(order="prior, q")})) == ["VAE306"]


TOLD = (
    HEAD
    + MODEL.replace("self.back", "self.number, self.back")
    .replace("= nn.Sequential(nn.Linear(7", "= nn.Linear(7, 5), nn.Sequential(nn.Linear(7")
    .replace("nn.Linear(84, 33)", "nn.Linear(89, 33)")
    + """
    def forward(self, x, traits):
        m, s = self.encode(torch.cat([x, traits], dim=1))
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        told = F.mse_loss(self.number(z), traits)
        error = F.binary_cross_entropy(self.back(z), x, reduction={reduction}) / len(x)
        return error + told + """
    + KL
    + """.mean()
"""
)


@pytest.mark.parametrize(("reduction", "expected"), [('"sum"', []), ('"mean"', ["VAE502"])])
def test_a_kl_goes_with_the_error_that_is_summed(reduction: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": TOLD.format(reduction=reduction)})) == expected
