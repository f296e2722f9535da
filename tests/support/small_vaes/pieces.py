"""A VAE in pieces, of which a planted mistake rewrites one, and its designs. As it stands here each is correct."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Pieces(nn.Module):
    """What all designs share: from the two heads to the loss, with s for the head for std."""

    spec: ClassVar[str] = ""
    data_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def __init__(self) -> None:
        super().__init__()
        self.add_layers()

    def add_layers(self) -> None:
        """Layers beside those of the design: none."""

    def seen(self, x: Tensor) -> Tensor:
        """What the encoder is given."""
        return x

    def heads(self, mu: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        return mu, s

    def std(self, s: Tensor) -> Tensor:
        return torch.exp(0.5 * s)

    def eps(self, mu: Tensor) -> Tensor:
        return torch.randn_like(mu)

    def sample(self, mu: Tensor, s: Tensor) -> Tensor:
        return mu + self.std(s) * self.eps(mu)

    def decoded(self, z: Tensor) -> Tensor:
        """What the decoder is given."""
        return z

    def shown(self, x_hat: Tensor) -> Tensor:
        """What forward returns for the reconstruction."""
        return x_hat

    def kl_elements(self, mu: Tensor, s: Tensor) -> Tensor:
        return -0.5 * (1 + s - mu.square() - s.exp())

    def kl(self, mu: Tensor, s: Tensor) -> Tensor:
        return self.kl_elements(mu, s).flatten(1).sum(1).mean()

    def recon_elements(self, x_hat: Tensor, x: Tensor) -> Tensor:
        return (x_hat - x).square()

    def recon(self, x_hat: Tensor, x: Tensor) -> Tensor:
        return self.recon_elements(x_hat, x).flatten(1).sum(1).mean()

    def total(self, x_hat: Tensor, x: Tensor, mu: Tensor, s: Tensor) -> Tensor:
        return self.recon(x_hat, x) + self.kl(mu, s)


class Spatial(Pieces):
    """Convolutions, a latent (B, C, h, w), logits, the loss a method that returns a dictionary."""

    spec = "B 3 8 12"

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 9, 3, stride=2, padding=1), nn.SiLU(), nn.Conv2d(9, 4, 1))
        self.decoder = nn.Sequential(nn.Conv2d(2, 9, 1), nn.ReLU(), nn.ConvTranspose2d(9, 3, 4, stride=2, padding=1))

    def recon_elements(self, x_hat: Tensor, x: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(x_hat, x, reduction="none")

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        mu, s = self.heads(*self.encoder(self.seen(x)).chunk(2, 1))
        return {"logits": self.shown(self.decoder(self.decoded(self.sample(mu, s)))), "mu": mu, "logvar": s}

    def loss_function(self, logits: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> dict[str, Tensor]:
        return {"loss": self.total(logits, x, mu, logvar)}


class Sequential1d(Pieces):
    """A 1-D convolution, one layer for both heads, the list of PyTorch-VAE, the loss a function of `*args`."""

    spec = "B 2 22"
    data_range = (-1.0, 1.0)

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv1d(2, 6, 5, padding=2), nn.ReLU(inplace=True), nn.Flatten())
        self.fc = nn.Linear(6 * 22, 10)
        self.decoder = nn.Linear(5, 2 * 22)

    def shown(self, x_hat: Tensor) -> Tensor:
        return x_hat.tanh()

    def forward(self, x: Tensor) -> list[Tensor]:
        mu, s = self.heads(*self.fc(self.encoder(self.seen(x))).split(5, dim=-1))
        x_hat = self.decoder(self.decoded(self.sample(mu, s))).view(-1, 2, 22)
        return [self.shown(x_hat), x, mu, s]

    def loss_function(self, *args: Any, **kwargs: Any) -> Tensor:
        x_hat, x, mu, s = args
        return self.total(x_hat, x, mu, s)


class Inside(Pieces):
    """On vectors; heads as two layers, the loss computed in forward, batch norm and dropout on the way."""

    spec = "B 19"

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(19, 30), nn.BatchNorm1d(30), nn.ELU(), nn.Dropout(0.1))
        self.to_mu, self.to_s = nn.Linear(30, 6), nn.Linear(30, 6)
        self.decoder = nn.Sequential(nn.Linear(6, 30), nn.LeakyReLU(), nn.Linear(30, 19))

    def shown(self, x_hat: Tensor) -> Tensor:
        return x_hat.sigmoid()

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        h = self.encoder(self.seen(x))
        mu, s = self.heads(self.to_mu(h), self.to_s(h))
        x_hat = self.shown(self.decoder(self.decoded(self.sample(mu, s))))
        return {"recon_x": x_hat, "loss": self.total(x_hat, x, mu, s)}


class Carried(Pieces):
    """The networks of a real autoencoder as they are, with the VAE's mathematics around them."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both heads as the network's own encoder gives them."""
        if hasattr(self.network, "model_config"):
            output = self.network.encoder(x)
            return output.embedding, output.log_covariance
        output = self.network.encode(x)
        posterior = getattr(output, "latent_dist", output)
        if isinstance(posterior, tuple):
            return posterior
        logvar = getattr(posterior, "logvar", None)
        return posterior.mean, 2 * posterior.std.log() if logvar is None else logvar

    def decode(self, z: Tensor) -> Tensor:
        """The network's own decoder."""
        if hasattr(self.network, "model_config"):
            return self.network.decoder(z).reconstruction
        output = self.network.decode(z)
        return getattr(output, "sample", output)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        mu, s = self.heads(*self.encode(self.seen(x)))
        z = self.decoded(self.sample(mu, s))
        return {"x_hat": self.shown(self.decode(z)), "mu": mu, "logvar": s}

    def loss_function(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> dict[str, Tensor]:
        """The loss of a batch: reconstruction and KL of a sample, averaged over the batch."""
        return {"loss": self.total(x_hat, x, mu, logvar)}
