"""What an audit advises: the line at fault as it should be, in the words of the user, where one edit of it is right."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_checked.auditor import audit
from vae_checked.finding import Finding

FEATURES, LATENTS = 24, 5


class Own(nn.Module):
    """A VAE with names of its own, whose loss runs it; each mistake of `wrong` is a method that overrides one here."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(FEATURES, 20), nn.Tanh())
        self.place, self.width = nn.Linear(20, LATENTS), nn.Linear(20, LATENTS)
        self.back = nn.Sequential(nn.Linear(LATENTS, FEATURES), nn.Sigmoid())

    def drawn(self, where: Tensor, spread: Tensor) -> Tensor:
        return where + torch.exp(0.5 * spread) * torch.randn_like(where)

    def error(self, picture: Tensor, x: Tensor) -> Tensor:
        return F.binary_cross_entropy(picture, x.flatten(1), reduction="sum")

    def loss(self, x: Tensor) -> Tensor:
        h = self.trunk(x)
        where, spread = self.place(h), self.width(h)
        kl = -0.5 * torch.sum(1 + spread - where.pow(2) - spread.exp())
        return (self.error(self.back(self.drawn(where, spread)), x) + kl) / len(x)


class WrongWidth(Own):
    def drawn(self, where: Tensor, spread: Tensor) -> Tensor:
        return where + torch.exp(spread) * torch.randn_like(where)


class TwoExponentials(Own):
    def drawn(self, where: Tensor, spread: Tensor) -> Tensor:
        return where.exp().log() + torch.exp(spread) * torch.randn_like(where)


class WrongNoise(Own):
    def drawn(self, where: Tensor, spread: Tensor) -> Tensor:
        return where + torch.exp(0.5 * spread) * torch.rand_like(where)


class WrongOrder(Own):
    def error(self, picture: Tensor, x: Tensor) -> Tensor:
        return F.binary_cross_entropy(x.flatten(1), picture, reduction="sum")


class WrittenOut(Own):
    def error(self, picture: Tensor, x: Tensor) -> Tensor:
        return -torch.add(picture * torch.log(x + 0.01), (1 - picture) * torch.log(1.01 - x)).sum()


LINES = {
    WrongWidth: ("VAE201", "return where + torch.exp(0.5 * spread) * torch.randn_like(where)"),
    WrongNoise: ("VAE202", "return where + torch.exp(0.5 * spread) * torch.randn_like(where)"),
    WrongOrder: ("VAE404", 'return F.binary_cross_entropy(picture, x.flatten(1), reduction="sum")'),
}


def named(model: type[Own]) -> tuple[Finding, ...]:
    torch.manual_seed(5)
    return audit(model(), f"B {FEATURES}", "loss", data_range=(0, 1)).findings


@pytest.mark.parametrize("model", LINES)
def test_the_remedy_is_the_line_at_fault_as_it_should_be(model: type[Own]) -> None:
    code, line = LINES[model]
    (finding,) = named(model)
    assert finding.code == code
    assert finding.fix == finding.fixed_line == line


@pytest.mark.parametrize("model", [TwoExponentials, WrittenOut])
def test_a_line_that_could_be_edited_in_two_ways_is_left(model: type[Own]) -> None:
    assert all(finding.fixed_line == "" for finding in named(model))


class LearnedPrior(Own):
    """The prior's mean and log variance are parameters; the KL to it is subtracted."""

    def __init__(self) -> None:
        super().__init__()
        self.prior = nn.Parameter(torch.randn(2, LATENTS))

    def loss(self, x: Tensor) -> Tensor:
        h = self.trunk(x)
        where, spread = self.place(h), self.width(h)
        m, s = self.prior
        kl: Any = 0.5 * (s - spread + (spread.exp() + (where - m).pow(2)) / s.exp() - 1).sum()
        return (self.error(self.back(self.drawn(where, spread)), x) - kl) / len(x)


def test_a_kl_to_a_learned_prior_is_not_replaced_by_one_to_another() -> None:
    (finding,) = named(LearnedPrior)
    assert finding.code == "VAE302"
    assert "torch.sum" not in finding.fix
    assert "never negative" in finding.fix


class OneLayer(Own):
    def loss(self, x: Tensor) -> Tensor:
        h = self.trunk(x)
        q = torch.distributions.Normal(self.place(h), F.softplus(self.place(h)))
        p = torch.distributions.Normal(0.0, 1.0)
        kl = torch.distributions.kl_divergence(q, p).sum()
        return (self.error(self.back(q.rsample()), x) + kl) / len(x)


def test_a_distribution_is_no_layer_that_a_head_should_have_of_its_own() -> None:
    (finding,) = (each for each in named(OneLayer) if each.code == "VAE205")
    assert "Normal" not in finding.fix


def test_sampler_and_kl_are_said_to_read_one_head_by_one_name() -> None:
    class Returns(WrongWidth):
        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            h = self.trunk(x)
            where, log_var = self.place(h), self.width(h)
            return self.back(self.drawn(where, log_var)), where, log_var

    def elbo(x_hat: Tensor, x: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
        kl = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())
        return (F.binary_cross_entropy(x_hat, x, reduction="sum") + kl) / len(x)

    torch.manual_seed(5)
    (finding,) = audit(Returns(), f"B {FEATURES}", elbo, data_range=(0, 1)).findings
    assert finding.message.startswith("the sampler uses exp(log_var) as std, the KL")
    assert "reads log_var as log variance" in finding.message
    (of_its_own,) = named(WrongWidth)
    assert of_its_own.message.startswith("the sampler uses exp(s) as std, the KL")


class FlatMean(Own):
    """The error is a mean, of a target whose shape is brought to that of the picture in the call."""

    def error(self, picture: Tensor, x: Tensor) -> Tensor:
        return F.binary_cross_entropy(picture, x.reshape(len(x), FEATURES)) * len(x)


class TwoMeans(Own):
    def error(self, picture: Tensor, x: Tensor) -> Tensor:
        mean = (F.binary_cross_entropy(picture[:, :9], x[:, :9]), F.binary_cross_entropy(picture[:, 9:], x[:, 9:]))
        return sum(mean) * len(x) / 2


def test_an_error_is_reduced_otherwise_in_the_call_that_is_written() -> None:
    (finding,) = named(FlatMean)
    assert finding.code == "VAE502"
    assert 'F.binary_cross_entropy(picture, x.reshape(len(x), FEATURES), reduction="sum")' in finding.fix


def test_of_two_errors_in_a_line_none_is_taken_for_the_call() -> None:
    assert not any("[:, " in finding.fix for finding in named(TwoMeans))
