"""VAEs on digits, a healthy one and one for each cause of a collapse, and how they are trained under a monitor."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch import distributions as D

from vae_checked import Monitor
from vae_checked.monitor import Reading

LATENTS, PIXELS, BATCH = 6, 64, 96


def digits() -> Tensor:
    """The digits that scikit-learn ships, in [0, 1]; importing it for them would take longer than all of this."""
    spec = find_spec("sklearn")
    assert spec is not None
    assert spec.origin is not None
    with gzip.open(Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz") as file:
        return torch.tensor(np.loadtxt(file, delimiter=",")[:, :PIXELS] / 16.0, dtype=torch.float32)


DIGITS = digits()


class Digits(nn.Module):
    """A healthy VAE on digits, which the others vary."""

    context = 0

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(PIXELS, 48), nn.ReLU())
        self.to_mu, self.to_logvar = nn.Linear(48, LATENTS), nn.Linear(48, LATENTS)
        self.decoder = self.build()

    def build(self) -> nn.Sequential:
        return nn.Sequential(nn.Linear(LATENTS + self.context, 48), nn.ReLU(), nn.Linear(48, PIXELS))

    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def decode(self, z: Tensor, x: Tensor) -> Tensor:
        return torch.sigmoid(self.decoder(z))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = self.encoder(x)
        mu, logvar = self.to_mu(h), self.to_logvar(h)
        return self.decode(self.sample(mu, logvar), x), mu, logvar


class Detached(Digits):
    def decode(self, z: Tensor, x: Tensor) -> Tensor:
        return torch.sigmoid(self.decoder(z.detach()))


class SampledWithoutGradient(Digits):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return D.Normal(mu, torch.exp(0.5 * logvar)).sample()


class Skipping(Digits):
    """The decoder sees x around z, as with skip connections or teacher forcing."""

    context = PIXELS

    def decode(self, z: Tensor, x: Tensor) -> Tensor:
        return torch.sigmoid(self.decoder(torch.cat([z, x], 1)))


class Deaf(Digits):
    """z is drawn and multiplied by zero."""

    def decode(self, z: Tensor, x: Tensor) -> Tensor:
        return torch.sigmoid(self.decoder(0.0 * z))


class MeanDecoded(Digits):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = self.encoder(x)
        mu, logvar = self.to_mu(h), self.to_logvar(h)
        self.sample(mu, logvar)
        return self.decode(mu, x), mu, logvar


class Lazy(Digits):
    """Saturating layers stand between z and x_hat: the gradient arrives, far too small to leave the prior."""

    def build(self) -> nn.Sequential:
        deep = [layer for _ in range(5) for layer in (nn.Linear(32, 32), nn.Sigmoid())]
        return nn.Sequential(nn.Linear(LATENTS, 32), nn.Sigmoid(), *deep, nn.Linear(32, PIXELS))


Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def kl_of(mu: Tensor, logvar: Tensor) -> Tensor:
    return -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(1)


def balanced(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return ((x_hat - x).square().sum(1) + 0.2 * kl_of(mu, logvar)).mean()


def averaged(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return F.mse_loss(x_hat, x) + kl_of(mu, logvar).mean()


def train(model: nn.Module, loss: Loss = balanced, steps: int = 200, monitor: Monitor | None = None) -> None:
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    rows = torch.Generator().manual_seed(5)
    for _ in range(steps):
        x = DIGITS[torch.randint(len(DIGITS), (BATCH,), generator=rows)]
        value = loss(*((out := model(x))[0], x, *out[1:]))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        if monitor is not None:
            monitor.step(loss=value)


def watched(kind: type[nn.Module], loss: Loss = balanced, steps: int = 200, **options: Any) -> Monitor:
    torch.manual_seed(0)
    model = kind()
    with Monitor(model, **{"every": 50, "to": [], **options}) as monitor:
        train(model, loss, steps, monitor)
    return monitor


def one_step(model: nn.Module, x: Tensor, loss: Loss, **options: Any) -> Reading:
    with Monitor(model, to=[], **options) as monitor:
        loss(*((out := model(x))[0], x, *out[1:])).backward()
        reading = monitor.step()
    assert reading is not None
    return reading
