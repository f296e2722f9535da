"""Posteriors of other families than the Gaussian: drawn, judged by a divergence that is not read, and decoded."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, SQUASHED, codes, linted

from vae_checked.facts import Facts
from vae_checked.linter import LintReport

OWN = """

class Bounded(Distribution):
    has_rsample = True

    def __init__(self, loc, scale):
        self.loc, self.scale = loc, scale
        self.low, self.high = torch.erf(-loc / scale), torch.erf((1 - loc) / scale)
        super().__init__(loc.shape, validate_args=False)

    def rsample(self, sample_shape=()):
        u = torch.rand(self._extended_shape(sample_shape))
        return self.loc + self.scale * torch.erfinv(self.low + u * (self.high - self.low))


@register_kl(Bounded, Uniform)
def divergence_from_uniform(q, p):
    return torch.log(1 / (q.scale * (q.high - q.low))) - 0.5
"""
TRAINING = (
    HEAD
    + """
from torch.distributions import Dirichlet, Distribution, Laplace, Uniform, kl_divergence, register_kl
{own}
"""
    + SQUASHED
    + """
    def forward(self, x):
        q = {posterior}
        z = q.rsample()
        return self.back({decoded}), q, z


def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        y, q, z = net(x)
        loss = {error}(y, x, reduction="sum") + ({kl}).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
POSTERIORS = {
    "Laplace": ("Laplace(self.to_m(x), self.to_s(x).exp())", "kl_divergence(q, Laplace(0.0, 1.0))", ""),
    "Laplace by its densities": (
        "Laplace(self.to_m(x), self.to_s(x).exp())",
        "q.log_prob(z) - Laplace(torch.zeros_like(z), torch.ones_like(z)).log_prob(z)",
        "",
    ),
    "Dirichlet": ("Dirichlet(F.softplus(self.to_m(x)))", "kl_divergence(q, Dirichlet(torch.ones(7)))", ""),
    "one of the project": (
        "Bounded(self.to_m(x), self.to_s(x).exp())",
        "kl_divergence(q, Uniform(torch.zeros(7), torch.ones(7)))",
        OWN,
    ),
}


def _training(name: str, *, error: str = "F.binary_cross_entropy", decoded: str = "z") -> str:
    posterior, kl, own = POSTERIORS[name]
    return TRAINING.format(posterior=posterior, kl=kl, own=own, error=error, decoded=decoded)


def _told(report: LintReport) -> list[Facts]:
    return [each for each in report.facts if each.sampler.timing and each.kl.unread and each.recon.kind]


@pytest.mark.parametrize("name", POSTERIORS)
def test_draw_divergence_and_error_of_another_family_are_one_vae(name: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": _training(name)})
    assert len(_told(report)) == 1
    assert codes(report) == []
    assert not any({"VAE201", "VAE202", "VAE301", "VAE303"} & set(each.clean) for each in report.judgements)


@pytest.mark.parametrize("name", POSTERIORS)
def test_what_is_wrong_of_what_is_decoded_is_named(name: str, tmp_path: Path) -> None:
    text = _training(name, error="F.binary_cross_entropy_with_logits")
    assert codes(linted(tmp_path, {"train.py": text})) == ["VAE401"]


@pytest.mark.parametrize("name", POSTERIORS)
def test_a_draw_that_is_not_decoded_makes_no_vae(name: str, tmp_path: Path) -> None:
    """The error of what a head says of the data has nothing to do with what is drawn."""
    assert not _told(linted(tmp_path, {"train.py": _training(name, decoded="self.to_m(x)")}))


POLICY = (
    HEAD
    + """
from torch.distributions import Beta, kl_divergence


class Actor(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_a, self.to_b, self.value = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(84, 1)

    def forward(self, x):
        return Beta(F.softplus(self.to_a(x)), F.softplus(self.to_b(x))), self.value(x)


def improve(actor, before, loader):
    actor, before = Actor(), Actor()
    for x, gain in loader:
        policy, value = actor(x)
        action = policy.rsample()
        loss = F.mse_loss(value, gain) + kl_divergence(policy, before(x)[0]).mean() - policy.log_prob(action).mean()
        loss.backward()
"""
)


def test_a_policy_beside_its_value_is_no_vae(tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": POLICY})
    assert not _told(report)
    assert codes(report) == []
    # With what a layer makes of its action held against what it was given, it is one.
    value = "nn.Linear(84, 1)"
    decoded = POLICY.replace(value, f"{value}\n        self.back = nn.Linear(7, 84)")
    decoded = decoded.replace("F.mse_loss(value, gain)", "F.mse_loss(actor.back(action), x)")
    assert len(_told(linted(tmp_path, {"train.py": decoded}))) == 1


DRAWN, ERROR = "self.back(z), q, z", '(y, x, reduction="sum") +'
ALONE = {
    "a density of the data": ("q.log_prob(z) - Laplace", "q.log_prob(x[:, :7]) - Laplace"),
    "an error between heads": (ERROR, '(y, q.loc.repeat(1, 12), reduction="sum") +'),
    "an error of the draw itself": (DRAWN, "z.repeat(1, 12), q, z"),
    "an error in another loss": (ERROR, '(y, x, reduction="sum")\n        side ='),
}


@pytest.mark.parametrize(("old", "new"), ALONE.values(), ids=ALONE)
def test_what_is_decoded_and_divided_apart_is_no_vae(old: str, new: str, tmp_path: Path) -> None:
    text = _training("Laplace by its densities")
    assert text.count(old) == 1
    assert not _told(linted(tmp_path, {"train.py": text.replace(old, new)}))


def test_two_divergences_of_one_error_are_one_vae(tmp_path: Path) -> None:
    posterior, kl, own = POSTERIORS["Laplace"]
    both = f"{kl} + kl_divergence(q, Laplace(0.0, 2.0))"
    text = TRAINING.format(posterior=posterior, kl=both, own=own, error="F.binary_cross_entropy", decoded="z")
    assert len(_told(linted(tmp_path, {"train.py": text}))) == 1
