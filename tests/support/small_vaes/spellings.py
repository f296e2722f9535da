"""Correct VAEs, each written in another way; the table of cases for the auditor's tests."""

from __future__ import annotations

import warnings
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch import distributions as D

INPUT, LATENTS = (3, 8, 12), 5
PIXELS = 3 * 8 * 12


def standard_loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = F.mse_loss(x_hat, x, reduction="none").flatten(1).sum(1)
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)
    return (recon + kl).mean()


class Base(nn.Module):
    """The VAE that all others vary: an MLP whose heads are read as mean and log variance."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, 40), nn.ReLU())
        self.fc_mu = nn.Linear(40, LATENTS)
        self.fc_logvar = nn.Linear(40, LATENTS)
        self.decoder = nn.Sequential(nn.Linear(LATENTS, 40), nn.ReLU(), nn.Linear(40, PIXELS))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.encoder(x)
        return self.fc_mu(h), self.fc_logvar(h)

    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        std = torch.exp(0.5 * logvar)
        return mu + torch.randn_like(std) * std

    def decode(self, z: Tensor) -> Tensor:
        return torch.sigmoid(self.decoder(z)).view(-1, *INPUT)

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        return self.decode(self.sample(mu, logvar)), mu, logvar


# ----------------------------------------------------------------------------------------- spellings of z


class Addcmul(Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        std = logvar.mul(0.5).exp()
        return torch.addcmul(mu, std, torch.randn(std.shape))


class Subtracted(Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu - (0.5 * logvar).exp() * torch.randn_like(logvar)


class InPlace(Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        std = logvar.mul(0.5).exp_()
        eps = torch.empty_like(std).normal_()
        return eps.mul_(std).add_(mu)


class FloatTensor(Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        std = torch.sqrt(torch.exp(logvar))
        return torch.FloatTensor(std.size()).normal_() * std + mu


class NewNormal(Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        std = (logvar / 2).exp()
        return std.new_zeros(std.size()).normal_(0, 1).mul(std).add(mu)


class TorchNormal(Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + torch.normal(0.0, 1.0, size=tuple(mu.shape)) * torch.exp(logvar / 2)


class NormalOfTensors(Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        eps = torch.normal(torch.zeros_like(mu), torch.ones_like(mu))
        return torch.exp(0.5 * logvar) * eps + mu


class Rsample(Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return D.Normal(mu, torch.exp(0.5 * logvar)).rsample()


class IndependentRsample(Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return D.Independent(D.Normal(mu, torch.exp(0.5 * logvar)), 1).rsample()


class StandardNormalSample(Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + torch.exp(0.5 * logvar) * D.Normal(0.0, 1.0).sample(mu.shape)


class Multivariate(Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return D.MultivariateNormal(mu, scale_tril=torch.diag_embed(torch.exp(0.5 * logvar))).rsample()


class NumpyNoise(Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        import numpy as np

        eps = torch.from_numpy(np.random.randn(*mu.shape)).float()
        return mu + eps * torch.exp(0.5 * logvar)


class NumpyGenerator(Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        import numpy as np

        eps = torch.tensor(np.random.default_rng().standard_normal(size=tuple(mu.shape)), dtype=torch.float32)
        return mu + eps * torch.exp(0.5 * logvar)


class OwnGenerator(Base):
    def __init__(self) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(3)

    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + torch.randn(mu.shape, generator=self.generator) * torch.exp(0.5 * logvar)


class BoxMuller(Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        u, v = torch.rand_like(mu).clamp_min(1e-20), torch.rand_like(mu)
        return mu + torch.sqrt(-2 * u.log()) * torch.cos(2 * torch.pi * v) * torch.exp(0.5 * logvar)


class Einsum(Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + torch.einsum("bl,bl->bl", torch.exp(0.5 * logvar), torch.randn_like(mu))


class Clamped(Base):
    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = super().encode(x)
        return mu, logvar.clamp(-30.0, 20.0)


class OneLayer(Base):
    """Both heads from one layer, taken apart with chunk."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(40, 2 * LATENTS)
        del self.fc_mu, self.fc_logvar

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = self.fc(self.encoder(x)).chunk(2, dim=1)
        return mu, logvar


class Stacked(OneLayer):
    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.fc(self.encoder(x)).view(-1, 2, LATENTS)
        return h[:, 0], h[:, 1]


class Scripted(Base):
    def __init__(self) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # scripted models are still about
            self.reparameterize = torch.jit.script(_scripted_sample)

    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        z: Tensor = self.reparameterize(mu, logvar)
        return z


def _scripted_sample(mu: Tensor, logvar: Tensor) -> Tensor:
    std = torch.exp(0.5 * logvar)
    return mu + std * torch.randn_like(std)


class Regularised(Base):
    """Batch norm, dropout and an in-place activation."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(PIXELS, 40), nn.BatchNorm1d(40), nn.LeakyReLU(0.2, inplace=True), nn.Dropout(0.3)
        )


class Double(Base):
    def __init__(self) -> None:
        super().__init__()
        self.double()


SPELLINGS: tuple[type[Base], ...] = (
    Base,
    Addcmul,
    Subtracted,
    InPlace,
    FloatTensor,
    NewNormal,
    TorchNormal,
    NormalOfTensors,
    Rsample,
    IndependentRsample,
    StandardNormalSample,
    Multivariate,
    NumpyNoise,
    NumpyGenerator,
    OwnGenerator,
    BoxMuller,
    Einsum,
    Clamped,
    OneLayer,
    Stacked,
    Scripted,
    Regularised,
    Double,
)


# ------------------------------------------------------------------------------------- other heads for std


class LogStd(Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + torch.randn_like(mu) * torch.exp(logvar)


def log_std_loss(x_hat: Tensor, x: Tensor, mu: Tensor, log_std: Tensor) -> Tensor:
    recon = (x_hat - x).pow(2).flatten(1).sum(1)
    return (recon + 0.5 * (mu**2 + torch.exp(2 * log_std) - 1 - 2 * log_std).sum(1)).mean()


class SoftplusStd(Base):
    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, raw = super().encode(x)
        return mu, F.softplus(raw) + 1e-6

    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + torch.randn_like(mu) * logvar


def std_loss(x_hat: Tensor, x: Tensor, mu: Tensor, std: Tensor) -> Tensor:
    recon = F.binary_cross_entropy(x_hat, x, reduction="sum")
    return (recon + 0.5 * torch.sum(mu**2 + std**2 - 2 * torch.log(std) - 1)) / len(x)


def divergence_loss(x_hat: Tensor, x: Tensor, mu: Tensor, std: Tensor) -> Tensor:
    posterior, prior = D.Normal(mu, std), D.Normal(torch.zeros_like(mu), torch.ones_like(std))
    recon = -D.Normal(x_hat, 1.0).log_prob(x).flatten(1).sum(1)
    return (recon + D.kl_divergence(posterior, prior).sum(1)).mean()


class Variance(Base):
    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, raw = super().encode(x)
        return mu, raw.exp()

    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + torch.randn_like(mu) * logvar.sqrt()


def variance_loss(x_hat: Tensor, x: Tensor, mu: Tensor, var: Tensor) -> Tensor:
    recon = torch.sum((x - x_hat) ** 2)
    return recon + 0.5 * torch.sum(mu**2 + var - torch.log(var) - 1)


# --------------------------------------------------------------------------------------- other outputs


class Sampled(Base):
    """The KL is estimated from the sample: log q(z|x) - log p(z)."""

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        posterior = D.Normal(mu, torch.exp(0.5 * logvar))
        z = posterior.rsample()
        kl = posterior.log_prob(z).sum(1) - D.Normal(0.0, 1.0).log_prob(z).sum(1)
        x_hat = self.decode(z)
        return {"x_hat": x_hat, "loss": (F.mse_loss(x_hat, x, reduction="none").flatten(1).sum(1) + kl).mean()}


class Caching(Base):
    """Keeps its heads as attributes; the loss is a method that reads them."""

    def forward(self, x: Tensor) -> Any:
        self.mu, self.logvar = self.encode(x)
        return self.decode(self.sample(self.mu, self.logvar))

    def loss(self, x_hat: Tensor, x: Tensor) -> Tensor:
        return standard_loss(x_hat, x, self.mu, self.logvar)


class Listed(Base):
    """The list of PyTorch-VAE, and a loss that takes it with a required keyword."""

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        return [self.decode(self.sample(mu, logvar)), x, mu, logvar]

    def loss_function(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        recons, x, mu, logvar = args[0], args[1], args[2], args[3]
        recons_loss = F.mse_loss(recons, x)
        kld_loss = torch.mean(-0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp(), dim=1), dim=0)
        loss = recons_loss + kwargs["M_N"] * kld_loss
        return {"loss": loss, "Reconstruction_Loss": recons_loss.detach(), "KLD": -kld_loss.detach()}


class Posterior(Base):
    """Returns a distribution beside the reconstruction."""

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        posterior = D.Normal(mu, torch.exp(0.5 * logvar))
        return self.decode(posterior.rsample()), posterior


def posterior_loss(output: Any, x: Tensor) -> Tensor:
    x_hat, posterior = output
    kl = D.kl_divergence(posterior, D.Normal(0.0, 1.0)).sum(1)
    return (F.mse_loss(x_hat, x, reduction="none").sum((1, 2, 3)) + kl).mean()


class OtherOrder(Base):
    """mu first, the reconstruction last."""

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        return mu, logvar, self.decode(self.sample(mu, logvar))


class Spatial(nn.Module):
    """A convolutional VAE with a latent (B, C, h, w), and logits for its loss."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 9, 3, stride=2, padding=1), nn.SiLU(), nn.Conv2d(9, 4, 1))
        self.decoder = nn.Sequential(nn.Conv2d(2, 9, 1), nn.ReLU(), nn.ConvTranspose2d(9, 3, 4, stride=2, padding=1))

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encoder(x).split(2, dim=1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.decoder(z), mu, logvar


def spatial_loss(logits: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum((1, 2, 3))
    kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum((1, 2, 3))
    return (recon + kl).mean()


class Sequence1d(nn.Module):
    """A 1-D convolutional VAE."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv1d(2, 6, 5, padding=2), nn.Tanh(), nn.Flatten())
        self.heads = nn.Linear(6 * 22, 2 * LATENTS)
        self.decoder = nn.Linear(LATENTS, 2 * 22)

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.heads(self.encoder(x)).chunk(2, -1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.decoder(z).view(-1, 2, 22), mu, logvar


class Vector(Base):
    """On vectors (B, 288)."""

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z)


class Conditional(Base):
    """Takes labels beside x."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(6, LATENTS)

    def forward(self, x: Tensor, y: Tensor) -> Any:
        mu, logvar = self.encode(x)
        return self.decode(self.sample(mu, logvar) + self.embed(y)), mu, logvar


class Hierarchical(Base):
    """Two latents, the second of which follows from the first."""

    def __init__(self) -> None:
        super().__init__()
        self.top = nn.Linear(LATENTS, 6)
        self.down = nn.Linear(3, LATENTS)

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        z = self.sample(mu, logvar)
        mu_2, logvar_2 = self.top(z).chunk(2, 1)
        z_2 = self.sample(mu_2, logvar_2)
        x_hat = self.decode(z + self.down(z_2))
        kl = sum(-0.5 * (1 + s - m**2 - s.exp()).sum(1) for m, s in ((mu, logvar), (mu_2, logvar_2)))
        return {"recon": x_hat, "loss": (F.mse_loss(x_hat, x, reduction="none").flatten(1).sum(1) + kl).mean()}


class Importance(Base):
    """Several samples of z for each x, their errors averaged."""

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        eps = torch.randn(4, *mu.shape)
        z = mu + eps * torch.exp(0.5 * logvar)
        x_hat = torch.sigmoid(self.decoder(z)).view(4, -1, *INPUT)
        recon = (x_hat - x).pow(2).flatten(2).sum(2).mean(0)
        kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1)
        return {"x_hat": x_hat, "loss": (recon + kl).mean()}


# (model, input, loss, data range): all of them correct.
MODELS: dict[str, tuple[type[nn.Module], str, Any, tuple[float, float] | None]] = {
    **{kind.__name__: (kind, "B 3 8 12", standard_loss, (0.0, 1.0)) for kind in SPELLINGS},
    "LogStd": (LogStd, "B 3 8 12", log_std_loss, (0.0, 1.0)),
    "SoftplusStd": (SoftplusStd, "B 3 8 12", std_loss, (0.0, 1.0)),
    "KLDivergence": (SoftplusStd, "B 3 8 12", divergence_loss, (0.0, 1.0)),
    "Variance": (Variance, "B 3 8 12", variance_loss, (0.0, 1.0)),
    "Sampled": (Sampled, "B 3 8 12", None, (0.0, 1.0)),
    "Caching": (Caching, "B 3 8 12", None, (0.0, 1.0)),
    "Listed": (Listed, "B 3 8 12", None, (0.0, 1.0)),
    "Posterior": (Posterior, "B 3 8 12", posterior_loss, (0.0, 1.0)),
    "OtherOrder": (OtherOrder, "B 3 8 12", standard_loss, (0.0, 1.0)),
    "Spatial": (Spatial, "B 3 8 12", spatial_loss, (0.0, 1.0)),
    "Sequence1d": (Sequence1d, "B 2 22", standard_loss, None),
    "Vector": (Vector, "B 288", standard_loss, None),
    "Conditional": (Conditional, "B 3 8 12, int<6> B", standard_loss, (0.0, 1.0)),
    "Hierarchical": (Hierarchical, "B 3 8 12", None, (0.0, 1.0)),
    "Importance": (Importance, "B 3 8 12", None, (0.0, 1.0)),
}
