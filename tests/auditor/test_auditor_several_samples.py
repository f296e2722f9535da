"""Several samples of one posterior, bounds of several samples, and noise that is shared over a part of z."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch import distributions as D

from vae_checked.auditor import AuditReport, audit
from vae_checked.facts import Axis, Likelihood, Parametrisation, Reduction

FEATURES, LATENTS, SAMPLES = 42, 6, 5


class Model(nn.Module):
    """A VAE on rows of features that decodes several samples for each."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(FEATURES, 32), nn.ReLU())
        self.fc_mu, self.fc_logvar = nn.Linear(32, LATENTS), nn.Linear(32, LATENTS)
        self.decoder = nn.Linear(LATENTS, FEATURES)

    def forward(self, x: Tensor) -> Any:
        h = self.encoder(x)
        mu, logvar = (head(h).unsqueeze(1).expand(-1, SAMPLES, -1) for head in (self.fc_mu, self.fc_logvar))
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.decoder(z), mu, logvar, z


def codes(report: AuditReport) -> list[str]:
    return [finding.code for finding in report.findings]


def terms(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """The error and log q(z|x) - log p(z) of each sample."""
    error = (x_hat - x.unsqueeze(1).expand_as(x_hat)).pow(2).sum(2)
    log_q = -0.5 * (logvar + (z - mu).pow(2) / logvar.exp()).sum(2)
    return error, log_q + 0.5 * z.pow(2).sum(2)


BOUNDS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "logsumexp": lambda error, gap: -torch.logsumexp(-error - gap, dim=1).mean(),
    "by hand": lambda error, gap: -(torch.exp((-error - gap) / 50).mean(1) + 1e-9).log().mean(),
    "softmax": lambda error, gap: ((-error - gap).softmax(1).detach() * (error + gap)).sum(1).mean(),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_an_importance_weighted_bound_is_no_wrong_kl(name: str) -> None:
    torch.manual_seed(5)
    report = audit(
        Model(), f"B {FEATURES}", lambda x_hat, x, mu, logvar, z: BOUNDS[name](*terms(x_hat, x, mu, logvar, z))
    )
    assert codes(report) == []
    assert report.facts[0].kl.form is None


@pytest.mark.parametrize(
    ("bound", "worst"),
    [
        (lambda error, gap: torch.logsumexp(error + gap, dim=1).mean(), True),
        (lambda error, gap: ((error + gap) / 50).exp().mean(1).log().mean(), True),
        (lambda error, gap: -torch.logsumexp(-error - gap, dim=1).mean(), False),
        (lambda error, gap: (error + gap).mean(1).mean(), None),
    ],
)
def test_the_worst_sample_of_a_bound_weighs_least(
    bound: Callable[[Tensor, Tensor], Tensor], worst: bool | None
) -> None:
    torch.manual_seed(5)
    report = audit(Model(), f"B {FEATURES}", lambda x_hat, x, mu, logvar, z: bound(*terms(x_hat, x, mu, logvar, z)))
    found = report.facts[0].recon.weighs_worst
    assert (None if found is None else found.value) is worst
    assert codes(report) == (["VAE505"] if worst else [])


def test_a_mean_over_samples_is_no_mean_over_a_sample() -> None:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        error = (x_hat - x.unsqueeze(1).expand_as(x_hat)).pow(2).sum(2).mean(1)
        return (error - 0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1)).mean()

    class OneHead(Model):
        def forward(self, x: Tensor) -> Any:
            h = self.encoder(x)
            mu, logvar = self.fc_mu(h), self.fc_logvar(h)
            eps = torch.randn(len(x), SAMPLES, LATENTS)
            return self.decoder(mu.unsqueeze(1) + torch.exp(0.5 * logvar).unsqueeze(1) * eps), mu, logvar

    report = audit(OneHead(), f"B {FEATURES}", loss)
    assert codes(report) == []
    beta = report.facts[0].objective.effective_beta
    assert beta is not None
    assert beta.value.value == pytest.approx(1.0, rel=1e-3)


class Once(nn.Module):
    """A VAE that draws several samples around heads that stand once for each row."""

    def __init__(self, samples: int = SAMPLES) -> None:
        super().__init__()
        self.samples = samples
        self.encoder = nn.Sequential(nn.Linear(FEATURES, 32), nn.ReLU())
        self.fc_mu, self.fc_logvar = nn.Linear(32, LATENTS), nn.Linear(32, LATENTS)
        self.decoder = nn.Linear(LATENTS, FEATURES)

    def forward(self, x: Tensor) -> Any:
        h = self.encoder(x)
        mu, logvar = self.fc_mu(h).unsqueeze(1), self.fc_logvar(h).unsqueeze(1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn(len(x), self.samples, LATENTS)
        return self.decoder(z), mu, logvar, z


OF_SAMPLES: dict[str, Callable[[Tensor], Tensor]] = {
    "logsumexp": lambda weight: -torch.logsumexp(weight, dim=1).mean(),
    "by hand": lambda weight: -(weight - weight.amax(1, True)).exp().mean(1).log().mean() - weight.amax(1).mean(),
    "softmax": lambda weight: -(weight.softmax(1).detach() * weight).sum(1).mean(),
    "mean": lambda weight: -weight.mean(1).mean(),
}


# More samples than latents, and fewer.
@pytest.mark.parametrize("samples", [5, 8])
@pytest.mark.parametrize("name", OF_SAMPLES)
def test_a_bound_of_several_samples_is_judged(name: str, samples: int) -> None:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
        error, gap = terms(x_hat, x, mu, logvar, z)
        return OF_SAMPLES[name](-error - gap)

    report = audit(Once(samples), f"B {FEATURES}", loss)
    assert codes(report) == []
    facts = report.facts[0]
    assert facts.kl.form is not None
    assert facts.kl.form.value.parametrisation is Parametrisation.LOGVAR
    assert facts.kl.reduced is not None
    assert facts.recon.reduced is not None
    assert facts.recon.kind is not None
    assert facts.recon.kind.value is Likelihood.MSE
    for reduced in (facts.kl.reduced.value, facts.recon.reduced.value):
        assert (reduced.batch, reduced.event) == (Reduction.MEAN, Reduction.SUM)
    beta = facts.objective.effective_beta
    assert beta is not None
    assert beta.value.value == pytest.approx(1.0, rel=1e-3)
    assert any(f"weighs {samples} samples against each other" in line for line in report.recognised) is (name != "mean")


def test_samples_in_two_axes_are_no_axes_of_a_sample() -> None:
    class InTwoAxes(Once):
        def forward(self, x: Tensor) -> Any:
            h = self.encoder(x)
            mu, logvar = (head(h)[:, None, None] for head in (self.fc_mu, self.fc_logvar))
            z = mu + torch.exp(0.5 * logvar) * torch.randn(len(x), 3, self.samples, LATENTS)
            return self.decoder(z), mu, logvar, z

    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
        error = (x_hat - x[:, None, None].expand_as(x_hat)).pow(2).sum(3)
        log_q = -0.5 * (logvar + (z - mu).pow(2) / logvar.exp()).sum(3)
        weight = -error - log_q - 0.5 * z.pow(2).sum(3)
        return -torch.logsumexp(weight, dim=1).mean(1).mean()

    report = audit(InTwoAxes(), f"B {FEATURES}", loss)
    assert codes(report) == []
    assert report.facts[0].recon.reduced is None


IN_A_BOUND: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "VAE502": lambda x_hat, x, gap: -torch.logsumexp(-(x_hat - x).pow(2).mean(2) - gap, dim=1).mean(),
    "VAE505": lambda x_hat, x, gap: -torch.logsumexp((x_hat - x).pow(2).sum(2) - gap, dim=1).mean(),
    "VAE401": lambda x_hat, x, gap: (
        -torch.logsumexp(
            -nn.functional.binary_cross_entropy_with_logits(x_hat.sigmoid(), x.expand_as(x_hat), reduction="none").sum(
                2
            )
            - gap,
            dim=1,
        ).mean()
    ),
}


@pytest.mark.parametrize("code", IN_A_BOUND)
def test_a_mistake_in_a_bound_of_several_samples_is_named(code: str) -> None:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
        return IN_A_BOUND[code](x_hat, x.unsqueeze(1), terms(x_hat, x, mu, logvar, z)[1])

    assert codes(audit(Once(), f"B {FEATURES}", loss)) == [code]


@pytest.mark.parametrize("samples", [5, 8])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_bound_that_weighs_otherwise_is_no_wrong_kl(axis: int, samples: int) -> None:
    def squared(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
        """The gradient of a doubly reparametrized bound: each sample with the square of its weight."""
        error, gap = terms(x_hat, x, mu.detach(), logvar.detach(), z)
        return ((-error - gap).softmax(axis).detach().pow(2) * (error + gap)).sum(axis).mean()

    report = audit(Once(samples), f"B {FEATURES}", squared)
    assert codes(report) == []
    assert "in a bound of several samples" in report.facts[0].unobserved["kl.form"]


class Repeated(Once):
    """The same with the samples of a row below each other; `row_by_row`: those of one row stand together."""

    row_by_row = True

    def forward(self, x: Tensor) -> Any:
        h = self.encoder(x)
        mu, logvar = (self.again(head(h)) for head in (self.fc_mu, self.fc_logvar))
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.decoder(z), mu, logvar, z

    def again(self, rows: Tensor) -> Tensor:
        """Each row as often as there are samples."""
        count = self.samples
        return rows.repeat_interleave(count, 0) if self.row_by_row else rows.repeat(count, 1)


class Alternating(Repeated):
    """The same with all rows once, and once more."""

    row_by_row = False


@pytest.mark.parametrize("kind", [Repeated, Alternating])
def test_samples_below_each_other_meet_the_row_that_they_are_of(kind: type[Repeated]) -> None:
    model = kind()

    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        error = (x_hat - model.again(x)).pow(2).sum(1)
        return error.mean() + (-0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1)).mean()

    report = audit(model, f"B {FEATURES}", loss)
    assert codes(report) == []
    recon = report.facts[0].recon
    assert recon.kind is not None
    assert recon.reduced is not None
    assert recon.kind.value is Likelihood.MSE
    assert recon.reduced.value.batch is Reduction.MEAN


class Spatial(nn.Module):
    """A latent with channels, height and width; `shape` is that of eps."""

    def __init__(self, shape: Callable[[Tensor], tuple[int, ...]]) -> None:
        super().__init__()
        self.shape = shape
        self.encoder, self.decoder = nn.Conv2d(3, 8, 3, 2, 1), nn.ConvTranspose2d(4, 3, 4, 2, 1)

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encoder(x).chunk(2, 1)
        return self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn(self.shape(mu))), mu, logvar


SHARED: dict[str, tuple[Callable[[Tensor], tuple[int, ...]], set[Axis]]] = {
    "none": (lambda mu: tuple(mu.shape), set()),
    "channels": (lambda mu: (len(mu), 1, *mu.shape[2:]), {Axis.LATENT}),
    "pixels": (lambda mu: (*mu.shape[:2], 1, 1), {Axis.EVENT}),
    "width": (lambda mu: (*mu.shape[:3], 1), {Axis.EVENT}),
    "batch": (lambda mu: (1, *mu.shape[1:]), {Axis.BATCH}),
}


@pytest.mark.parametrize("name", SHARED)
def test_noise_is_its_own_along_every_axis_of_z(name: str) -> None:
    shape, axes = SHARED[name]
    report = audit(Spatial(shape), "B 3 8 12")
    shared = report.facts[0].sampler.shared_over
    assert shared is not None
    assert shared.value == axes
    assert codes(report) == (["VAE203"] if axes else [])


def test_a_posterior_object_is_an_argument_as_it_is() -> None:
    class Posterior(Model):
        def forward(self, x: Tensor) -> Any:
            h = self.encoder(x)
            q = D.Normal(self.fc_mu(h), torch.exp(0.5 * self.fc_logvar(h)))
            return self.decoder(q.rsample()), q

    def loss(x_hat: Tensor, x: Tensor, q: D.Normal) -> Tensor:
        return ((x_hat - x).pow(2).sum(1) + D.kl_divergence(q, D.Normal(0.0, 1.0)).sum(1)).mean()

    report = audit(Posterior(), f"B {FEATURES}", loss)
    assert codes(report) == []
    assert report.facts[0].kl.form is not None
