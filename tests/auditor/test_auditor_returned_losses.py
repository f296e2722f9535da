"""Models whose forward returns the loss, its terms, or a loss beside the reconstruction: found without being named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from bound_losses import codes, is_bound
from torch import Tensor, nn

from vae_checked.auditor import AuditReport, audit
from vae_checked.errors import ModelError

FEATURES, LATENTS = 42, 6


@dataclass
class Terms:
    """What a forward has at its end."""

    x_hat: Tensor
    mu: Tensor
    logvar: Tensor
    recon: Tensor
    kl: Tensor

    @property
    def loss(self) -> Tensor:
        """The ELBO of each sample, negated."""
        return self.recon + self.kl


class Model(nn.Module):
    """A VAE that has its loss in its forward; `returned` says what that returns, `sign` is that of its KL."""

    def __init__(self, returned: Callable[[Terms], Any], sign: float = 1.0) -> None:
        super().__init__()
        self.returned, self.sign = returned, sign
        self.encoder = nn.Sequential(nn.Linear(FEATURES, 32), nn.ReLU())
        self.fc_mu, self.fc_logvar = nn.Linear(32, LATENTS), nn.Linear(32, LATENTS)
        self.decoder = nn.Linear(LATENTS, FEATURES)

    def terms(self, x: Tensor) -> Terms:
        h = self.encoder(x)
        mu, logvar = self.fc_mu(h), self.fc_logvar(h)
        x_hat = self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu))
        kl = -0.5 * self.sign * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1)
        return Terms(x_hat, mu, logvar, (x_hat - x).pow(2).sum(1), kl)

    def forward(self, x: Tensor) -> Any:
        return self.returned(self.terms(x))


class HasLoss:
    """An output as libraries of language models have it."""

    def __init__(self, loss: Tensor, logits: Tensor) -> None:
        self.loss, self.logits = loss, logits


RETURNED: dict[str, Callable[[Terms], Any]] = {
    "a scalar": lambda t: t.loss.mean(),
    "a loss per sample": lambda t: t.loss,
    "the loss first": lambda t: (t.loss.mean(), t.x_hat),
    "the loss last": lambda t: (t.x_hat, t.mu, t.logvar, t.loss.mean()),
    "terms beside it": lambda t: (t.x_hat, t.recon.mean(), t.kl.mean(), t.loss.mean()),
    "its terms": lambda t: (t.x_hat, t.recon.mean(), t.kl.mean()),
    "its terms per sample": lambda t: (t.recon, t.kl, t.x_hat),
    "a dictionary": lambda t: {"recon": t.x_hat, "loss": t.loss.mean(), "kld": t.kl.mean()},
    "a dictionary of terms": lambda t: {"x_hat": t.x_hat, "recon_loss": t.recon.mean(), "kl_loss": t.kl.mean()},
    "a dictionary within": lambda t: (t.x_hat, {"recon_loss": t.recon.mean(), "kl_loss": t.kl.mean()}),
    "an object": lambda t: HasLoss(t.loss.mean(), t.x_hat),
}


def audited(model: nn.Module, loss: Any = None) -> AuditReport:
    torch.manual_seed(3)
    return audit(model, f"B {FEATURES}", loss)


@pytest.mark.parametrize("loss", [None, "forward"])
@pytest.mark.parametrize("name", RETURNED)
def test_the_loss_that_a_forward_returns_is_judged(name: str, loss: str | None) -> None:
    right = audited(Model(RETURNED[name]), loss)
    assert codes(right) == []
    assert is_bound(right)
    assert codes(audited(Model(RETURNED[name], sign=-1.0), loss)) == ["VAE302"]


def test_terms_that_training_weighs_have_weights_that_are_not_seen() -> None:
    report = audited(Model(lambda t: (t.x_hat, t.recon.mean(), t.kl.sum())))
    assert codes(report) == []
    assert any("what training makes of these is not seen" in line for line in report.unobserved)
    assert "VAE504" not in report.judgements[0].clean


def test_an_error_beside_the_heads_leaves_the_kl_to_training() -> None:
    report = audited(Model(lambda t: (t.recon.mean(), t.x_hat, t.mu, t.logvar)))
    assert codes(report) == []
    assert report.facts[0].kl.form is None


def test_a_loss_without_the_kl_that_nobody_could_add_is_named() -> None:
    report = audited(Model(lambda t: (t.recon.mean(), t.x_hat)))
    assert codes(report) == ["VAE305"]


class Asked(Model):
    """Returns its reconstruction unless it is asked for its loss."""

    def forward(self, x: Tensor, return_loss: bool = False) -> Any:
        found = self.terms(x)
        return found.loss.mean() if return_loss else found.x_hat


@pytest.mark.parametrize(("sign", "expected"), [(1.0, []), (-1.0, ["VAE302"])])
def test_a_forward_is_asked_for_its_loss(sign: float, expected: list[str]) -> None:
    report = audited(Asked(RETURNED["a scalar"], sign))
    assert codes(report) == expected
    assert any("run with return_loss=True" in line for line in report.recognised)


def test_a_forward_without_a_loss_is_none() -> None:
    with pytest.raises(ModelError, match="returns no number that could be a loss"):
        audited(Model(lambda t: (t.x_hat, t.mu, t.logvar)), "forward")


def test_the_kl_of_each_latent_is_no_head() -> None:
    class PerLatent(Model):
        def forward(self, x: Tensor) -> Any:
            t = self.terms(x)
            return t.x_hat, -0.5 * (1 + t.logvar - t.mu.pow(2) - t.logvar.exp()), t.mu, t.logvar

    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()
        return (x_hat - x).pow(2).sum(1).mean() + kl

    report = audited(PerLatent(RETURNED["a scalar"]), loss)
    assert codes(report) == []
    assert any("mu = output[2], logvar = output[3]" in line for line in report.recognised)


class Sampled(Model):
    """Its KL is estimated by z; `returned` has the terms as those of the closed form."""

    def terms(self, x: Tensor) -> Terms:
        h = self.encoder(x)
        mu, logvar = self.fc_mu(h), self.fc_logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        x_hat = self.decoder(z)
        log_q = -0.5 * (logvar + (z - mu).pow(2) / logvar.exp()).sum(1)
        kl = self.sign * (log_q + 0.5 * z.pow(2).sum(1))
        return Terms(x_hat, mu, logvar, (x_hat - x).pow(2).sum(1), kl)


@pytest.mark.parametrize("name", ["its terms", "terms beside it", "its terms per sample"])
def test_a_kl_that_z_estimates_is_no_whole_loss(name: str) -> None:
    right = audited(Sampled(RETURNED[name]))
    assert codes(right) == []
    assert is_bound(right)
    assert codes(audited(Sampled(RETURNED[name], sign=-1.0))) == ["VAE302"]


@pytest.mark.parametrize("model", [Model, Sampled])
def test_a_loss_beside_its_own_error_is_not_summed_with_it(model: type[Model]) -> None:
    forgotten = audited(model(lambda t: (t.recon.mean(), -t.recon.mean(), t.kl.mean())))
    assert codes(forgotten) == [], "no gradient is missing, and which of the three is minimised is not known"
    assert "VAE305" not in forgotten.judgements[0].clean
    assert codes(audited(model(lambda t: (t.loss.mean(), -t.recon.mean(), t.kl.mean())))) == []
