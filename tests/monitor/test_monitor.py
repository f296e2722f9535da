"""What the monitor reads of a training run, and the cause of a collapse that it names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small_vaes.digits import (
    BATCH,
    DIGITS,
    LATENTS,
    PIXELS,
    Deaf,
    Detached,
    Digits,
    Lazy,
    Loss,
    MeanDecoded,
    SampledWithoutGradient,
    Skipping,
    averaged,
    balanced,
    kl_of,
    one_step,
    watched,
)
from torch import Tensor, nn

from vae_checked import Monitor
from vae_checked.facts import EffectiveBeta, Likelihood
from vae_checked.monitor import Balance, Cause, Reading
from vae_checked.monitor.balance import Sizes, balance_of, largest_variance
from vae_checked.monitor.causes import diagnose

# ------------------------------------------------------------------------------------------- the four causes


@pytest.mark.parametrize(
    ("kind", "loss", "steps", "cause", "says"),
    [
        (Detached, balanced, 100, Cause.NO_GRADIENT, "reaches no mu"),
        (SampledWithoutGradient, balanced, 100, Cause.NO_GRADIENT, "rsample()"),
        (Digits, averaged, 150, Cause.LARGE_BETA, "the effective beta is 64 (elements of a sample 64)"),
        (Skipping, balanced, 300, Cause.UNUSED_Z, "by a way around z"),
        (Deaf, balanced, 100, Cause.UNUSED_Z, "is the same when z is swapped"),
        (MeanDecoded, balanced, 100, Cause.UNUSED_Z, "through the heads of the posterior, not through z"),
        (Lazy, balanced, 150, Cause.COLLAPSE, "KL annealing"),
    ],
)
def test_each_cause_of_a_collapse_is_named_and_no_other(
    kind: type[nn.Module], loss: Loss, steps: int, cause: Cause, says: str
) -> None:
    monitor = watched(kind, loss, steps)
    assert [each.cause for each in monitor.causes] == [cause]
    assert says in str(monitor.causes[0])
    assert {each.cause for reading in monitor.readings for each in reading.causes} == {cause}


def test_a_healthy_model_gets_no_cause_and_its_latents_become_active() -> None:
    monitor = watched(Digits)
    assert [reading.causes for reading in monitor.readings] == [()] * 5
    assert [reading.unobserved for reading in monitor.readings] == [()] * 5
    last = monitor.readings[-1]
    assert last.active_units == last.active_by_kl == LATENTS
    assert last.kl is not None
    assert last.kl > 1.0


def test_one_reading_or_a_rising_kl_is_no_collapse() -> None:
    def seen(step: int, kl: float, **changed: Any) -> Reading:
        plain = {
            "balance": Balance(64.0, EffectiveBeta(64.0), BATCH, "mse"),
            "largest_variance": 1.6,
            "reaches_encoder": True,
            "follows_z": 1.0,
        }
        given: dict[str, Any] = {**plain, **changed}
        return Reading(step, kl_per_latent=(kl, kl), variance_per_latent=(0.0, 0.0), **given)

    flat = [seen(step, 0.001) for step in (1, 50, 100)]
    assert [each.cause for each in diagnose(flat)[0]] == [Cause.LARGE_BETA]
    assert diagnose(flat[:2]) == ((), "")
    assert diagnose([seen(step, 0.001 * step) for step in (1, 2, 3)]) == ((), "")
    assert "near 65" in diagnose([seen(step, 0.001, largest_variance=65.0) for step in (1, 2, 3)])[1]
    assert "was not seen" in diagnose([seen(step, 0.001, balance=None) for step in (1, 2, 3)])[1]
    assert "no bound is known" in diagnose([seen(step, 0.001, largest_variance=None) for step in (1, 2, 3)])[1]
    assert [each.cause for each in diagnose([seen(s, 0.001, largest_variance=130.0) for s in (1, 2, 3)])[0]] == [
        Cause.COLLAPSE
    ]


# ---------------------------------------------------------------------------------------------- the readings


def test_what_is_read_agrees_with_the_closed_forms() -> None:
    torch.manual_seed(1)
    model = Digits()
    x = DIGITS[:BATCH]
    reading = one_step(model, x, balanced, rows=BATCH)
    _, mu, logvar = model(x)
    mu, logvar = mu.detach(), logvar.detach()
    wanted = -0.5 * (1 + logvar - mu.square() - logvar.exp()).mean(0)
    assert reading.rows == BATCH
    assert reading.kl_per_latent == pytest.approx(wanted.tolist(), rel=1e-4)
    assert reading.kl == pytest.approx(float(wanted.sum()), rel=1e-4)
    assert reading.variance_per_latent == pytest.approx(mu.var(0, correction=0).tolist(), rel=1e-4)
    assert reading.ranges["mu"] == pytest.approx((float(mu.min()), float(mu.max())), rel=1e-5)
    assert reading.ranges["head for std"] == pytest.approx((float(logvar.min()), float(logvar.max())), rel=1e-5)
    assert reading.ranges["x"] == (0.0, 1.0)
    by_kl = torch.cat([0.2 * mu, 0.1 * (logvar.exp() - 1)]) / BATCH
    assert reading.kl_gradient == pytest.approx(float(by_kl.norm()), rel=1e-3)


def test_the_reconstructions_gradient_at_the_heads_is_its_own_alone() -> None:
    torch.manual_seed(1)
    model, x = Digits(), DIGITS[:BATCH]
    torch.manual_seed(7)
    x_hat, mu, logvar = model(x)
    wanted = torch.cat(torch.autograd.grad((x_hat - x).square().sum(1).mean(), (mu, logvar))).norm()
    torch.manual_seed(7)
    reading = one_step(model, x, balanced)
    assert reading.recon_gradient == pytest.approx(float(wanted), rel=1e-5)


def test_terms_with_a_backward_each_are_added_and_twice_is_not_read() -> None:
    torch.manual_seed(1)
    model, x = Digits(), DIGITS[:BATCH]
    with Monitor(model, every=1, to=[]) as monitor:
        x_hat, mu, logvar = model(x)
        (x_hat - x).square().sum().backward(retain_graph=True)
        kl_of(mu, logvar).sum().backward()
        apart = monitor.step()
        x_hat, mu, logvar = model(x)
        torch.autograd.grad(x_hat.sum(), model.decoder[0].weight, retain_graph=True)
        (x_hat - x).square().sum().backward()
        twice = monitor.step()
    assert apart is not None
    assert apart.balance is not None
    assert apart.balance.beta == pytest.approx(1.0, rel=2e-3)
    assert twice is not None
    assert twice.balance is None
    assert "more than once" in twice.unobserved[0]


@pytest.mark.parametrize(
    ("loss", "beta", "symbols", "error"),
    [
        (balanced, 0.2, "", "mse"),
        (averaged, PIXELS, "C*H*W", "mse"),
        (lambda p, x, m, s: F.mse_loss(p, x) + kl_of(m, s).sum(), PIXELS * BATCH, "C*H*W B", "mse"),
        (lambda p, x, m, s: F.mse_loss(p, x, reduction="sum") + kl_of(m, s).mean(), 1 / BATCH, "B", "mse"),
        (lambda p, x, m, s: F.mse_loss(p, x) + kl_of(m, s).mean() / LATENTS, PIXELS / LATENTS, "C*H*W L", "mse"),
        (lambda p, x, m, s: F.binary_cross_entropy(p, x) + 0.5 * kl_of(m, s).mean(), 0.5 * PIXELS, "", "bce"),
        (lambda p, x, m, s: F.l1_loss(p, x, reduction="sum") + 3.0 * kl_of(m, s).sum(), 3.0, "", "l1"),
        (lambda p, x, m, s: F.mse_loss(p, x, reduction="sum") - kl_of(m, s).sum(), -1.0, "", "mse"),
        (lambda p, x, m, s: F.mse_loss(p, x, reduction="sum") + 0.0 * kl_of(m, s).sum(), 0.0, "", "mse"),
    ],
)
def test_the_effective_beta_and_the_sizes_that_make_it(loss: Loss, beta: float, symbols: str, error: str) -> None:
    torch.manual_seed(2)
    reading = one_step(Digits(), DIGITS[:BATCH], loss)
    assert reading.balance is not None
    assert reading.balance.beta == pytest.approx(beta, rel=2e-3)
    assert reading.balance.error == error
    made = reading.balance.expression
    assert [factor.symbol for factor in made.factors] == symbols.split()
    at_batch = math.prod(float(factor.value or BATCH) ** factor.power for factor in made.factors)
    assert made.constant * at_batch == pytest.approx(beta, rel=2e-3)


def test_accumulated_and_scaled_losses_have_the_same_beta() -> None:
    torch.manual_seed(2)
    plain, scaled = Digits(), Digits()
    found = [
        one_step(plain, DIGITS[:BATCH], averaged).balance,
        one_step(scaled, DIGITS[:BATCH], lambda *given: 4096.0 * averaged(*given) / 8).balance,
    ]
    assert [each.beta for each in found if each is not None] == pytest.approx([PIXELS, PIXELS], rel=2e-3)


def test_a_loss_of_no_closed_form_leaves_beta_unknown_and_says_why() -> None:
    torch.manual_seed(2)
    reading = one_step(Digits(), DIGITS[:BATCH], lambda p, x, m, s: (p - x).pow(4).sum() + kl_of(m, s).sum())
    assert reading.balance is None
    assert "no known error" in reading.unobserved[0]
    reading = one_step(Digits(), DIGITS[:BATCH], lambda p, x, m, s: (p - x).square().sum() + (m * s).pow(2).sum())
    assert reading.balance is None
    assert "no closed-form KL" in reading.unobserved[0]


def test_sizes_that_do_not_make_the_beta_are_not_named() -> None:
    sizes = Sizes(elements=48, latents=5, batch=7)
    found = balance_of(48 * 7 / 5, 1.0, Likelihood.MSE, sizes)
    assert found is not None
    assert str(found) == ("9.6 * B (elements of a sample 48, latents 5, B the batch size; at batch 7: 67.2)")
    other = balance_of(0.3, 1.0, Likelihood.MSE, sizes)
    assert other is not None
    assert str(other) == "0.3"
    assert balance_of(1.0, 0.0, Likelihood.MSE, sizes) is None
    alike = balance_of(2.0, 2.0, Likelihood.MSE, Sizes(elements=48, latents=6, batch=6))
    assert str(alike) == "1", "sizes that cancel by chance make no expression"


class Steps(nn.Module):
    """A recurrent VAE of the time in front; `latents` of the head for std may be those of a whole covariance."""

    def __init__(self, latents: int = 4) -> None:
        super().__init__()
        self.encoder, self.decoder, self.out = nn.GRU(6, 16), nn.GRU(4, 16), nn.Linear(16, 6)
        self.mu, self.second = nn.Linear(16, 4), nn.Linear(16, latents)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        _, h = self.encoder(x)
        mu, s = self.mu(h[0]), self.second(h[0])
        eps = torch.randn_like(mu)
        if s.shape == mu.shape:
            z = mu + torch.exp(0.5 * s) * eps
        else:
            s = s.view(-1, 4, 4).tril()
            z = mu + (s @ eps.unsqueeze(2)).squeeze(2)
        made, _ = self.decoder(z.expand(len(x), -1, -1))
        return self.out(made), mu, s


def test_no_size_is_named_where_the_batch_is_not_in_front() -> None:
    torch.manual_seed(2)
    reading = one_step(
        Steps(), torch.rand(9, 6, 6), lambda p, x, m, s: (p - x).square().sum() / 9 + kl_of(m, s).sum() / 6
    )
    assert reading.balance is not None
    assert str(reading.balance) == "1.5"
    assert any("9 rows and the heads 6" in line for line in reading.unobserved)


def test_a_whole_covariance_has_no_weight_and_raises_nothing() -> None:
    torch.manual_seed(2)
    reading = one_step(
        Steps(latents=16), torch.rand(9, 6, 6), lambda p, x, m, s: (p - x).square().sum() + m.square().sum() + s.norm()
    )
    assert reading.balance is None
    assert not any("Error" in line for line in reading.unobserved), reading.unobserved


def test_the_largest_variance_is_that_of_the_principal_direction() -> None:
    generator = torch.Generator().manual_seed(3)
    x = torch.rand((40, 9), generator=generator)
    wanted = np.linalg.eigvalsh(np.cov(x.double().numpy().T, bias=True))[-1]
    assert largest_variance(x.reshape(40, 1, 3, 3), Likelihood.MSE) == pytest.approx(2 * wanted)
    m = x.double().mean(0)
    whitened = ((x.double() - m) / (m * (1 - m)).sqrt()).numpy()
    by_cross_entropy = np.linalg.eigvalsh(np.cov(whitened.T, bias=True))[-1]
    assert largest_variance(x, Likelihood.BCE) == pytest.approx(by_cross_entropy)
    assert largest_variance(x * 3, Likelihood.BCE) is None
    assert largest_variance(x, Likelihood.L1) is None
    assert largest_variance(x[:1], Likelihood.MSE) is None


class Spatial(nn.Module):
    """A convolutional latent: its channels are its latents."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(1, 6, 3, stride=2, padding=1)
        self.decoder = nn.ConvTranspose2d(3, 1, 4, stride=2, padding=1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        mu, logvar = self.encoder(x).chunk(2, 1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return {"x_hat": self.decoder(z), "mu": mu, "logvar": logvar}


def test_a_spatial_latent_is_counted_by_channel() -> None:
    torch.manual_seed(4)
    model = Spatial()
    x = torch.rand(10, 1, 8, 12)
    with Monitor(model, to=[]) as monitor:
        out = model(x)
        kl = -0.5 * (1 + out["logvar"] - out["mu"].square() - out["logvar"].exp())
        ((out["x_hat"] - x).square().flatten(1).sum(1) + kl.flatten(1).sum(1)).mean().backward()
        reading = monitor.step()
    assert reading is not None
    assert reading.kl_per_latent == pytest.approx(kl.mean(0).sum((1, 2)).tolist(), rel=1e-4)
    assert reading.balance is not None
    assert reading.balance.beta == pytest.approx(1.0, rel=2e-3)


class WithLoss(Digits):
    """The forward returns its loss and neither head, as some libraries have it."""

    def forward(self, x: Tensor) -> Any:
        x_hat, mu, logvar = super().forward(x)
        return {"loss": averaged(x_hat, x, mu, logvar), "recon_x": x_hat}


def test_a_loss_that_the_forward_returns_is_measured_there() -> None:
    torch.manual_seed(2)
    model = WithLoss()
    with Monitor(model, to=[]) as monitor:
        model(DIGITS[:BATCH])["loss"].backward()
        reading = monitor.step()
    assert reading is not None
    assert reading.balance is not None
    assert reading.balance.beta == pytest.approx(PIXELS, rel=2e-3)
    assert str(reading.balance) == f"{PIXELS} (elements of a sample {PIXELS})"


class WithPrior(Digits):
    """A prior with a mean and a variance that are learned, and the KL of the two Gaussians in the loss it returns."""

    def __init__(self) -> None:
        super().__init__()
        places = torch.arange(1.0, LATENTS + 1)
        self.mean, self.log_variance = nn.Parameter(0.3 * places), nn.Parameter(0.5 - 0.2 * places)

    def forward(self, x: Tensor) -> Any:
        x_hat, mu, logvar = super().forward(x)
        ratio = (logvar.exp() + (mu - self.mean).square()) / self.log_variance.exp()
        kl = 0.5 * (self.log_variance - logvar + ratio - 1)
        return {"loss": (x_hat - x).square().sum(1).mean() + kl.sum(1).mean(), "recon_x": x_hat}


def test_the_kl_to_a_learned_prior_is_the_one_that_is_read() -> None:
    torch.manual_seed(2)
    model = WithPrior()
    x = DIGITS[:BATCH]
    with Monitor(model, to=[], rows=BATCH) as monitor:
        model(x)["loss"].backward()
        reading = monitor.step()
    _, mu, logvar = Digits.forward(model, x)
    posterior = torch.distributions.Normal(mu, (0.5 * logvar).exp())
    prior = torch.distributions.Normal(model.mean, (0.5 * model.log_variance).exp())
    wanted = torch.distributions.kl_divergence(posterior, prior).mean(0)
    assert reading is not None
    assert reading.kl_per_latent == pytest.approx(wanted.tolist(), rel=1e-2)
    assert reading.balance is not None
    assert reading.balance.beta == pytest.approx(1.0, rel=1e-2)
