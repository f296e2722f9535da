"""Noise: its law, what shares it, when it is drawn, and noise that is no posterior's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from small_vaes import spellings as zoo
from torch import Tensor, nn
from torch import distributions as D

from vae_checked.auditor import audit
from vae_checked.catalogue import CATALOGUE
from vae_checked.catalogue.verdict import Found
from vae_checked.facts import Axis, Facts, Head, HeadSource, NoiseLaw


def facts_of(model: nn.Module, loss: Any = zoo.standard_loss) -> Facts:
    return audit(model, "B 3 8 12", loss, data_range=(0, 1)).facts[0]


class Noisy(zoo.Base):
    """z = mu + std * eps with an eps that a function makes of mu."""

    def __init__(self, eps: Any) -> None:
        super().__init__()
        self.eps = eps

    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + torch.exp(0.5 * logvar) * self.eps(mu)


def reseeded(mu: Tensor) -> Tensor:
    torch.manual_seed(0)
    return torch.randn_like(mu)


def numpy_normal(mu: Tensor) -> Tensor:
    return torch.from_numpy(np.random.normal(0.0, 2.0, tuple(mu.shape))).float()


# eps, its law, mean and standard deviation.
LAWS: dict[str, tuple[Any, NoiseLaw, float, float]] = {
    "normal": (torch.randn_like, NoiseLaw.STANDARD_NORMAL, 0.0, 1.0),
    "sum of two normals": (
        lambda mu: (torch.randn_like(mu) + torch.randn_like(mu)) / math.sqrt(2),
        NoiseLaw.STANDARD_NORMAL,
        0.0,
        1.0,
    ),
    "uniform": (torch.rand_like, NoiseLaw.UNIFORM, 0.5, math.sqrt(1 / 12)),
    "centred uniform": (lambda mu: 2 * torch.rand_like(mu) - 1, NoiseLaw.UNIFORM, 0.0, math.sqrt(1 / 3)),
    "uniform of unit variance": (
        lambda mu: (torch.rand_like(mu) - 0.5) * math.sqrt(12),
        NoiseLaw.UNIFORM,
        0.0,
        1.0,
    ),
    "shifted normal": (lambda mu: torch.randn_like(mu) + 1, NoiseLaw.NORMAL, 1.0, 1.0),
    "narrow normal": (lambda mu: torch.empty_like(mu).normal_(0, 0.5), NoiseLaw.NORMAL, 0.0, 0.5),
    "variance for std": (lambda mu: D.Normal(0.0, 2.0).sample(mu.shape), NoiseLaw.NORMAL, 0.0, 2.0),
    "numpy's wide normal": (numpy_normal, NoiseLaw.NORMAL, 0.0, 2.0),
    "half normal": (
        lambda mu: torch.randn_like(mu).abs(),
        NoiseLaw.OTHER,
        math.sqrt(2 / math.pi),
        math.sqrt(1 - 2 / math.pi),
    ),
    "clipped": (lambda mu: torch.randn_like(mu).clamp(-1, 1), NoiseLaw.OTHER, 0.0, math.sqrt(0.516)),
    "laplace": (lambda mu: D.Laplace(0.0, 1.0).rsample(mu.shape), NoiseLaw.OTHER, 0.0, math.sqrt(2)),
    "exponential": (lambda mu: torch.empty_like(mu).exponential_(), NoiseLaw.OTHER, 1.0, 1.0),
    "the same at every call": (reseeded, NoiseLaw.CONSTANT, 0.0, 1.0),
}


@pytest.mark.parametrize("name", LAWS)
def test_the_law_of_eps_is_told_by_its_moments_and_its_distribution(name: str) -> None:
    eps, law, mean, std = LAWS[name]
    noise = facts_of(Noisy(eps)).sampler.noise
    assert noise is not None
    assert noise.value.law is law
    if law is not NoiseLaw.CONSTANT:
        assert noise.value.mean == pytest.approx(mean, abs=0.06)
        assert noise.value.std == pytest.approx(std, abs=0.06)
    assert bool(noise.value.shares) is (law is not NoiseLaw.CONSTANT)


def test_noise_that_is_the_same_at_every_step_is_no_sample() -> None:
    facts = facts_of(Noisy(reseeded))
    assert facts.sampler.timing is not None
    assert facts.sampler.timing.value.repeated
    verdicts = {mistake.code: mistake.judge(facts) for mistake in CATALOGUE}
    assert isinstance(verdicts["VAE207"], Found)
    again = facts_of(Noisy(torch.randn_like)).sampler.timing
    assert again is not None
    assert not again.value.repeated


def test_the_shares_of_the_draws_are_those_of_their_law() -> None:
    normal, uniform = (facts_of(Noisy(eps)).sampler.noise for eps in (torch.randn_like, torch.rand_like))
    assert normal is not None
    assert uniform is not None
    ends = [-4 + place / 4 for place in range(33)]
    assert len(normal.value.shares) == len(uniform.value.shares) == 32
    for share, low, high in zip(normal.value.shares, ends, ends[1:], strict=False):
        expected = 0.5 * (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2)))
        # 20000 draws under a fixed seed: seven standard errors.
        assert share == pytest.approx(expected, abs=7 * math.sqrt(expected / 20_000) + 1e-3)
    assert [place for place, share in enumerate(uniform.value.shares) if share] == [16, 17, 18, 19]


SHARED: dict[str, tuple[Any, frozenset[Axis]]] = {
    "one for each": (torch.randn_like, frozenset()),
    "one for the batch": (lambda mu: torch.randn(1, mu.shape[1]), frozenset({Axis.BATCH})),
    "one for the batch, spread": (lambda mu: torch.randn(mu.shape[1]).expand_as(mu), frozenset({Axis.BATCH})),
    "one for all latents": (lambda mu: torch.randn(mu.shape[0], 1), frozenset({Axis.LATENT})),
    "one for everything": (lambda mu: torch.randn(1), frozenset(Axis) - {Axis.EVENT}),
    "one row repeated": (lambda mu: torch.randn_like(mu[:1]).repeat(len(mu), 1), frozenset({Axis.BATCH})),
}


@pytest.mark.parametrize("name", SHARED)
def test_the_axes_that_share_one_eps_are_found(name: str) -> None:
    eps, axes = SHARED[name]
    shared = facts_of(Noisy(eps)).sampler.shared_over
    assert shared is not None
    assert shared.value == axes


def test_a_law_is_not_missed_because_one_eps_serves_many() -> None:
    noise = facts_of(Noisy(lambda mu: torch.randn(1, mu.shape[1]).expand_as(mu))).sampler.noise
    assert noise is not None
    assert noise.value.law is NoiseLaw.STANDARD_NORMAL


# --------------------------------------------------------------------------------------- gradient and heads


class Detached(zoo.Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + torch.randn_like(mu) * torch.exp(0.5 * logvar).detach()


class SampleOfTensors(zoo.Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return torch.normal(mu, torch.exp(0.5 * logvar))


class DistributionSample(zoo.Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return D.Normal(mu, torch.exp(0.5 * logvar)).sample()


class DataAttribute(zoo.Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu.data + torch.randn_like(mu) * torch.exp(0.5 * logvar)


@pytest.mark.parametrize(
    ("model", "reached"),
    [
        (zoo.Rsample, {Head.MU, Head.SECOND}),
        (Detached, {Head.MU}),
        (DataAttribute, {Head.SECOND}),
        (SampleOfTensors, set()),
        (DistributionSample, set()),
    ],
)
def test_the_heads_that_the_gradient_of_z_reaches(model: type[nn.Module], reached: set[Head]) -> None:
    found = facts_of(model()).sampler.gradient_reaches
    assert found is not None
    assert found.value == reached


def test_a_straight_through_backward_is_believed() -> None:
    class Straight(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, mu: Tensor, std: Tensor) -> Tensor:
            return mu + std * torch.randn_like(mu)

        @staticmethod
        def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
            return gradients[0], gradients[0]

    class Model(zoo.Base):
        def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
            z: Tensor = Straight.apply(mu, torch.exp(0.5 * logvar))
            return z

    report = audit(Model(), "B 3 8 12", zoo.standard_loss, data_range=(0, 1))
    assert [finding.code for finding in report.findings] == []
    reached = report.facts[0].sampler.gradient_reaches
    assert reached is not None
    assert reached.value == frozenset(Head)


def test_one_layer_for_both_heads_is_told_from_one_layer_taken_apart() -> None:
    class Twice(zoo.Base):
        def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
            h = self.encoder(x)
            return self.fc_mu(h), self.fc_mu(h)

    for model, source in ((Twice(), HeadSource.DUPLICATED), (zoo.OneLayer(), HeadSource.DISTINCT)):
        found = facts_of(model).heads.source
        assert found is not None
        assert found.value is source


# ------------------------------------------------------------------------------------------- when it is drawn


class OnlyInTraining(zoo.Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return super().sample(mu, logvar) if self.training else mu


class OnlyInEvaluation(zoo.Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu if self.training else super().sample(mu, logvar)


class Never(zoo.Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu


class StdAddedInEvaluation(zoo.Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return super().sample(mu, logvar) if self.training else mu + torch.exp(0.5 * logvar)


class OnesForEps(zoo.Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        std = torch.exp(0.5 * logvar)
        return mu + (torch.randn_like(std) if self.training else torch.ones_like(std)) * std


class StdWithoutEps(zoo.Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + torch.exp(0.5 * logvar)


@pytest.mark.parametrize(
    ("model", "training", "evaluation", "without_eps"),
    [
        (zoo.Base, True, True, False),
        (OnlyInTraining, True, False, False),
        (OnlyInEvaluation, False, True, False),
        (StdAddedInEvaluation, True, False, True),
        (OnesForEps, True, False, True),
        (Never, False, False, False),
        (StdWithoutEps, False, False, True),
    ],
)
def test_when_z_is_random(model: type[nn.Module], training: bool, evaluation: bool, without_eps: bool) -> None:
    timing = facts_of(model()).sampler.timing
    assert timing is not None
    assert (timing.value.training, timing.value.evaluation) == (training, evaluation)
    assert timing.value.without_eps is without_eps


def test_an_autoencoder_without_heads_is_not_told_that_it_lacks_noise() -> None:
    model = nn.Sequential(nn.Linear(20, 6), nn.ReLU(), nn.Linear(6, 20))
    report = audit(model, "B 20", nn.MSELoss(), data_range=(0, 1))
    assert [finding.code for finding in report.findings] == []
    assert report.facts[0].sampler.timing is None
    assert report.facts[0].recon.kind is not None


# ------------------------------------------------------------------------------------- noise of other kinds


class NoiseOnTheInput(Never):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x + 0.1 * torch.randn_like(x))


class NoiseInTheDecoder(zoo.Base):
    def decode(self, z: Tensor) -> Tensor:
        return super().decode(z) + 0.01 * torch.randn(len(z), *zoo.INPUT)


class DroppedLatent(zoo.Base):
    def decode(self, z: Tensor) -> Tensor:
        return super().decode(nn.functional.dropout(z, 0.2, self.training))


def test_noise_on_the_input_is_no_posterior() -> None:
    report = audit(NoiseOnTheInput(), "B 3 8 12", zoo.standard_loss)
    assert report.facts[0].sampler.std is None
    assert any("is taken for no posterior" in line for line in report.unobserved)


@pytest.mark.parametrize("model", [NoiseInTheDecoder, DroppedLatent])
def test_noise_behind_z_and_dropout_do_not_hide_the_posterior(model: type[nn.Module]) -> None:
    report = audit(model(), "B 3 8 12", zoo.standard_loss, data_range=(0, 1))
    assert len(report.facts) == 1
    assert [finding.code for finding in report.findings] == []
    assert report.facts[0].sampler.std is not None


def test_dropout_that_stays_on_in_evaluation_is_named_with_its_line() -> None:
    class Always(zoo.Base):
        def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
            h = nn.functional.dropout(self.encoder(x), 0.2)
            return self.fc_mu(h), self.fc_logvar(h)

    dropout = facts_of(Always()).training.always_on_dropout
    assert dropout is not None
    (where,) = dropout.value
    assert "test_auditor_noise.py" in where
    assert facts_of(zoo.Regularised()).training.always_on_dropout is not None
    assert facts_of(zoo.Regularised()).training.always_on_dropout.value == ()


class Repeated(zoo.Base):
    """A z that is made of a sample, of its mean and of its std."""

    def __init__(self, made: Any) -> None:
        super().__init__()
        self.made = made

    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return self.made(mu, torch.exp(0.5 * logvar))


TWICE = {
    "randn": lambda mu, std: mu + std * (torch.randn_like(std) * std + mu),
    "normal": lambda mu, std: mu + std * torch.normal(mu, std),
    "in place": lambda mu, std: torch.randn_like(std).mul_(std).add_(mu).mul(std).add_(mu),
    "fused": lambda mu, std: torch.addcmul(mu, std, mu + std * torch.randn_like(mu)),
}


@pytest.mark.parametrize("form", TWICE)
def test_noise_that_is_a_sample_of_the_heads_is_named(form: str) -> None:
    report = audit(Repeated(TWICE[form]), "B 3 8 12", zoo.standard_loss, data_range=(0, 1))
    assert "VAE202" in [finding.code for finding in report.findings]
    assert report.facts[0].sampler.noise.value.law is NoiseLaw.POSTERIOR


def test_a_sample_that_is_moved_by_other_numbers_is_none_of_the_heads() -> None:
    noise = facts_of(Repeated(lambda mu, std: 0.3 + 0.7 * (mu + std * torch.randn_like(std)))).sampler.noise
    assert noise is not None
    assert noise.value.law is not NoiseLaw.POSTERIOR


class Twice(zoo.Base):
    """A VAE that draws two samples of one posterior, and decodes the last or the mean of both."""

    def __init__(self, first: Any, last: Any, mixed: bool) -> None:
        super().__init__()
        self.noises, self.mixed = (first, last), mixed

    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        first, last = (mu + torch.exp(0.5 * logvar) * noise(mu) for noise in self.noises)
        return torch.cat([first[:, :2], last[:, 2:]], dim=1) if self.mixed else last


def one_for_all(mu: Tensor) -> Tensor:
    return torch.randn(mu.shape[1:])


@pytest.mark.parametrize(
    ("first", "last", "mixed", "code"),
    [
        (torch.randn_like, one_for_all, False, "VAE203"),
        (one_for_all, torch.randn_like, False, None),
        (torch.randn_like, torch.rand_like, False, "VAE202"),
        (torch.rand_like, torch.randn_like, False, None),
        (torch.randn_like, torch.rand_like, True, "VAE202"),
        (torch.randn_like, one_for_all, True, "VAE203"),
    ],
)
def test_the_noise_of_every_sample_that_is_used_is_judged(first: Any, last: Any, mixed: bool, code: str | None) -> None:
    torch.manual_seed(2)
    report = audit(Twice(first, last, mixed), "B 3 8 12", zoo.standard_loss, data_range=(0, 1))
    assert [finding.code for finding in report.findings] == ([] if code is None else [code])
