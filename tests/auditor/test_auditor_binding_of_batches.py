"""Losses that run the model on a batch of several inputs, and arguments that are lists or distributions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch import distributions as D

from vae_checked.auditor import AuditReport, audit
from vae_checked.facts import Axis, Likelihood, Reduction

FEATURES, LATENTS, CLASSES = 42, 6, 10


def kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """The KL per row."""
    return -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1)


def codes(report: AuditReport) -> list[str]:
    return [finding.code for finding in report.findings]


def is_measured(report: AuditReport) -> bool:
    """Whether the KL of every latent and the reconstruction are known."""
    return all(each.kl.form is not None and each.recon.kind is not None for each in report.facts)


class Rows(nn.Module):
    """A VAE on rows of features."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.encoder, self.decoder = nn.Linear(FEATURES, 2 * LATENTS), nn.Linear(LATENTS, FEATURES)

    def coded(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encoder(rows).chunk(2, 1)
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu), mu, logvar


class OfWords(Rows):
    """Takes counts of words and their frequencies, and returns its terms."""

    def forward(self, bows: Tensor, frequencies: Tensor) -> Any:
        z, mu, logvar = self.coded(frequencies)
        return -(self.decoder(z).log_softmax(1) * bows).sum(1).mean(), kl(mu, logvar).mean()


def test_a_loss_with_the_names_of_the_batch_runs_the_model_once() -> None:
    def loss(model: nn.Module, bows: Tensor, frequencies: Tensor) -> Tensor:
        error, divergence = model(bows, frequencies)
        return error + divergence

    report = audit(OfWords(), f"bows: B {FEATURES}, frequencies: B {FEATURES}", loss)
    assert codes(report) == []
    assert is_measured(report)
    assert any("runs the model itself" in line for line in report.recognised)


class OfLatents(Rows):
    """A VAE of what another encoder made, called z; its loss takes that alone."""

    def forward(self, z: Tensor) -> Any:
        inner, mu, logvar = self.coded(z)
        return self.decoder(inner), mu, logvar

    def loss(self, z: Tensor) -> Tensor:
        made, mu, logvar = self(z)
        return ((made - z).pow(2).sum(1) + kl(mu, logvar)).mean()


def test_a_method_that_takes_what_forward_takes_runs_the_model() -> None:
    report = audit(OfLatents(), f"z: B {FEATURES}")
    assert codes(report) == []
    assert is_measured(report)


class OfColumns(Rows):
    """Codes each half of a row by itself, and returns lists of heads."""

    def __init__(self) -> None:
        super().__init__()
        del self.encoder, self.decoder
        self.encoders = nn.ModuleList(nn.Linear(FEATURES // 2, 2 * LATENTS) for _ in range(2))
        self.decoders = nn.ModuleList(nn.Linear(LATENTS, FEATURES // 2) for _ in range(2))

    def forward(self, x: Tensor) -> Any:
        means, logvars, made = [], [], []
        for half, encoder, decoder in zip(x.chunk(2, 1), self.encoders, self.decoders, strict=True):
            mu, logvar = encoder(half).chunk(2, 1)
            means.append(mu)
            logvars.append(logvar)
            made.append(decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)))
        return means, logvars, torch.cat(made, 1)


@pytest.mark.parametrize(("read_as", "expected"), [(1.0, []), (2.0, ["VAE201"])])
def test_an_argument_for_several_heads_is_given_the_list_of_them(read_as: float, expected: list[str]) -> None:
    def loss(recons: Tensor, x: Tensor, means: list[Tensor], logvars: list[Tensor]) -> Tensor:
        of_second = kl(means[1], read_as * logvars[1])
        return ((recons - x).pow(2).sum(1) + kl(means[0], logvars[0]) + of_second).mean()

    report = audit(OfColumns(), f"B {FEATURES}", loss)
    assert codes(report) == expected
    assert is_measured(report)
    assert len(report.facts) == 2
    assert any("means = output[0]," in line for line in report.recognised)


class OfPoints(nn.Module):
    """A process: rows of points and their values, a posterior of all and one of the first few as its prior."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.encoder, self.decoder = nn.Linear(5, 2 * LATENTS), nn.Linear(LATENTS + 2, 3)

    def q(self, points: Tensor, values: Tensor) -> D.Normal:
        mu, logvar = self.encoder(torch.cat([points, values], 2)).mean(1).chunk(2, 1)
        return D.Normal(mu, torch.exp(0.5 * logvar))

    def forward(self, x_few: Tensor, y_few: Tensor, x_all: Tensor, y_all: Tensor) -> Any:
        q_all, q_few = self.q(x_all, y_all), self.q(x_few, y_few)
        z = q_all.rsample().unsqueeze(1).expand(-1, x_all.shape[1], -1)
        return D.Normal(self.decoder(torch.cat([x_all, z], 2)), torch.ones(())), q_all, q_few


def test_distributions_are_arguments_in_their_order() -> None:
    def loss(p_pred: D.Normal, y_all: Tensor, q_target: D.Normal, q_context: D.Normal) -> Tensor:
        likelihood = p_pred.log_prob(y_all).sum((1, 2)).mean()
        return D.kl_divergence(q_target, q_context).sum(1).mean() - likelihood

    spec = "x_few: B 5 2, y_few: B 5 3, x_all: B 9 2, y_all: B 9 3"
    report = audit(OfPoints(), spec, loss)
    assert codes(report) == []
    kind = report.facts[0].recon.kind
    assert kind is not None
    assert kind.value is Likelihood.MSE
    assert any("q_target = output[1], q_context = output[2]" in line for line in report.recognised)


class WithClasses(Rows):
    """Returns the logits of a class beside the reconstruction."""

    def forward(self, x: Tensor) -> Any:
        z, mu, logvar = self.coded(x)
        return {"logits": mu.repeat(1, 2)[:, :CLASSES].tanh(), "mu": mu, "logvar": logvar, "made": self.decoder(z)}


def test_the_logits_of_a_class_are_no_reconstruction_of_the_wrong_size() -> None:
    def loss(x: Tensor, out: dict[str, Tensor]) -> Tensor:
        return ((out["made"] - x).pow(2).sum(1) + kl(out["mu"], out["logvar"])).mean()

    report = audit(WithClasses(), f"B {FEATURES}", loss)
    assert codes(report) == []
    reduced = report.facts[0].recon.reduced
    assert reduced is not None
    assert reduced.value.batch is Reduction.MEAN


class OneHead(Rows):
    """Returns one tensor as both heads."""

    def __init__(self, *, named: bool) -> None:
        super().__init__()
        self.named, self.encoder = named, nn.Linear(FEATURES, LATENTS)

    def forward(self, x: Tensor) -> Any:
        mu = self.encoder(x)
        x_hat = self.decoder(mu + torch.exp(0.5 * mu) * torch.randn_like(mu))
        return {"x_hat": x_hat, "mu": mu, "logvar": mu} if self.named else (x_hat, mu, mu)


@pytest.mark.parametrize("named", [True, False])
def test_a_tensor_that_is_returned_as_both_heads_is_given_as_both(*, named: bool) -> None:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return ((x_hat - x).pow(2).sum(1) + kl(mu, logvar)).mean()

    assert codes(audit(OneHead(named=named), f"B {FEATURES}", loss)) == ["VAE205"]


class Shown(Rows):
    """Decodes another sample without gradient beside, as to show what the first encoder alone would give."""

    def forward(self, x: Tensor) -> Any:
        z, mu, logvar = self.coded(x)
        with torch.no_grad():
            shown = self.coded(x.roll(1, 1))[0]
        return self.decoder(z), mu, logvar, shown, self.decoder(shown).detach()


def test_a_sample_that_is_only_shown_is_not_judged() -> None:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return ((x_hat - x).pow(2).sum(1) + kl(mu, logvar)).mean()

    report = audit(Shown(), f"B {FEATURES}", loss)
    assert codes(report) == []
    assert len(report.facts) == 1
    assert is_measured(report)


class Around(Rows):
    """Reconstructs from the features of the encoder, and leaves z out."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.made = nn.Linear(FEATURES, 9), nn.Linear(9, FEATURES)

    def forward(self, x: Tensor) -> Any:
        z, mu, logvar = self.coded(x)
        return self.made(self.features(x).tanh()), mu, logvar, self.decoder(z).mean()


def test_a_z_that_nothing_is_made_of_is_not_called_clean() -> None:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return ((x_hat - x).pow(2).sum(1) + kl(mu, logvar)).mean()

    report = audit(Around(), f"B {FEATURES}", loss)
    assert "VAE206" in report.judgements[0].undecided
    assert "z does not lead to the reconstruction" in report.facts[0].unobserved["sampler.gradient_reaches"]


class WithNoisyInput(Rows):
    """Reads zeros and ones beside its rows, in evaluation as well: noise of its posterior, and no dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(FEATURES + 4, 2 * LATENTS)

    def forward(self, x: Tensor) -> Any:
        noise = D.Bernoulli(probs=torch.tensor(0.5)).sample(torch.Size([len(x), 4]))
        z, mu, logvar = self.coded(torch.cat([x, noise], 1))
        return self.decoder(z), mu, logvar


def test_zeros_and_ones_that_take_nothing_away_are_no_dropout() -> None:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return ((x_hat - x).pow(2).sum(1) + kl(mu, logvar)).mean()

    report = audit(WithNoisyInput(), f"B {FEATURES}", loss)
    assert codes(report) == []
    assert report.facts[0].sampler.shared_over is not None
    assert Axis.BATCH not in report.facts[0].sampler.shared_over.value
