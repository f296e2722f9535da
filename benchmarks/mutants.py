"""Mistakes planted around the networks of real autoencoders: what a mistake changes is written once, here.

`Carried` takes the encoder and the decoder of a model of benchmarks/zoo.py as they are and writes the VAE's mathematics
around them: heads, sample, KL, reconstruction and loss. Without a mistake it is a correct VAE.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch import distributions as D

# name: (the code that names it, what is done)
MISTAKES: dict[str, tuple[str, str]] = {
    "view_as_permute": ("VAE101", "the input's memory is read in another axis order"),
    "raw_pixels": ("VAE104", "pixels of 0..255 beside a sigmoid"),
    "cropped": ("VAE105", "the reconstruction lacks the last column"),
    "batch_centred": ("VAE106", "the batch's mean is subtracted from each sample"),
    "log_std": ("VAE201", "std = exp(logvar)"),
    "twice_halved": ("VAE201", "std = exp(logvar / 4)"),
    "uniform_noise": ("VAE202", "eps from rand_like"),
    "shifted_noise": ("VAE202", "eps of mean 1"),
    "one_eps_for_the_batch": ("VAE203", "eps of shape (1, L)"),
    "one_eps_for_all_latents": ("VAE203", "eps of shape (B, 1)"),
    "relu_mean": ("VAE204", "a ReLU on mu"),
    "relu_logvar": ("VAE204", "a ReLU on the log variance"),
    "same_head": ("VAE205", "the second head is the first"),
    "no_grad_sample": ("VAE206", "z is drawn under no_grad"),
    "detached_scale": ("VAE206", "std is detached"),
    "no_eps": ("VAE207", "z = mu + std"),
    "never_noise": ("VAE207", "z = mu in training too"),
    "kl_abs": ("VAE301", "|mu| for mu squared in the KL"),
    "kl_no_exp": ("VAE301", "logvar squared for exp(logvar) in the KL"),
    "kl_sign": ("VAE302", "the KL's sign"),
    "kl_twice": ("VAE303", "the KL without its half"),
    "kl_batch": ("VAE304", "the KL summed over the batch, averaged over the latents"),
    "kl_detached": ("VAE305", "the KL is detached"),
    "kl_reversed": ("VAE306", "KL(prior || posterior)"),
    "sigmoid_logits": ("VAE401", "a sigmoid before BCE with logits"),
    "logits_bce": ("VAE402", "logits into BCE"),
    "sigmoid_range": ("VAE403", "a sigmoid beside data in [-1, 1]"),
    "swapped_bce": ("VAE404", "BCE(target, prediction)"),
    "sigmoid_twice": ("VAE405", "two sigmoids"),
    "relu_sigmoid": ("VAE406", "a ReLU before the sigmoid"),
    "recon_channels": ("VAE501", "the reconstruction summed over one axis, averaged over the rest"),
    "mean_recon": ("VAE502", "a mean over the elements beside a summed KL"),
    "mean_kl": ("VAE503", "the KL averaged over the latents"),
    "kl_sum_batch": ("VAE504", "the KL summed over the batch, the reconstruction averaged"),
    "recon_sign": ("VAE505", "the reconstruction's sign"),
    "unused_layer": ("VAE601", "a layer that forward never calls"),
    "dropout_on": ("VAE603", "dropout that evaluation does not switch off"),
    "nan_to_num": ("VAE604", "NaN replaced in the loss"),
}
BERNOULLI = frozenset(("sigmoid_logits", "logits_bce", "swapped_bce", "sigmoid_twice", "relu_sigmoid", "kl_twice"))
# Mistakes of the data: where they lie, whatever the model was made for.
DATA_RANGES = {"raw_pixels": (0.0, 255.0), "sigmoid_range": (-1.0, 1.0)}


def without_sigmoid(network: nn.Module) -> nn.Module:
    """The network with a decoder that gives logits, as pythae's does not."""
    decoder = getattr(network, "decoder", network)
    for module in decoder.modules():
        if isinstance(module, nn.Sequential) and len(module) and isinstance(module[-1], nn.Sigmoid):
            module[-1] = nn.Identity()
    return network


class Carried(nn.Module):
    """The networks of a real autoencoder in a VAE whose mathematics hold at most one mistake."""

    def __init__(self, network: nn.Module, mistake: str | None = None, *, bernoulli: bool = False) -> None:
        super().__init__()
        self.network, self.mistake, self.bernoulli = without_sigmoid(network), mistake, bernoulli
        if mistake == "unused_layer":
            self.unused = nn.Linear(4, 3)

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

    def seen(self, x: Tensor) -> Tensor:
        """What the encoder is given."""
        if self.mistake == "view_as_permute":
            return x.reshape(x.shape[0], *x.shape[2:], x.shape[1]).movedim(-1, 1)
        return x - x.mean(0, keepdim=True) if self.mistake == "batch_centred" else x

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, s = self.encode(self.seen(x))
        if self.mistake == "relu_mean":
            return mu.relu(), s
        if self.mistake == "relu_logvar":
            return mu, s.relu()
        return (mu, mu) if self.mistake == "same_head" else (mu, s)

    def std(self, s: Tensor) -> Tensor:
        factor = {"log_std": 1.0, "twice_halved": 0.25}.get(self.mistake or "", 0.5)
        std = torch.exp(factor * s)
        return std.detach() if self.mistake == "detached_scale" else std

    def eps(self, mu: Tensor) -> Tensor:
        if self.mistake == "uniform_noise":
            return torch.rand_like(mu)
        if self.mistake == "shifted_noise":
            return torch.randn_like(mu) + 1
        if self.mistake == "one_eps_for_the_batch":
            return torch.randn_like(mu[:1]).expand_as(mu)
        if self.mistake == "one_eps_for_all_latents":
            return torch.randn_like(mu.flatten(1)[:, :1]).reshape(-1, *[1] * (mu.dim() - 1)).expand_as(mu)
        return torch.randn_like(mu)

    def sample(self, mu: Tensor, s: Tensor) -> Tensor:
        if self.mistake == "never_noise":
            return mu if self.training else mu + self.std(s) * self.eps(mu)
        if self.mistake == "no_eps":
            return mu + self.std(s)
        if self.mistake == "no_grad_sample":
            with torch.no_grad():
                return mu + self.std(s) * self.eps(mu)
        return mu + self.std(s) * self.eps(mu)

    def kl_elements(self, mu: Tensor, s: Tensor) -> Tensor:
        if self.mistake == "kl_abs":
            return -0.5 * (1 + s - mu.abs() - s.exp())
        if self.mistake == "kl_no_exp":
            return -0.5 * (1 + s - mu.square() - s.square())
        if self.mistake == "kl_sign":
            return 0.5 * (1 + s - mu.square() - s.exp())
        if self.mistake == "kl_twice":
            return -(1 + s - mu.square() - s.exp())
        if self.mistake == "kl_reversed":
            return D.kl_divergence(D.Normal(0.0, 1.0), D.Normal(mu, torch.exp(0.5 * s)))
        return -0.5 * (1 + s - mu.square() - s.exp())

    def kl(self, mu: Tensor, s: Tensor) -> Tensor:
        elements = self.kl_elements(mu, s).flatten(1)
        if self.mistake == "kl_batch":
            return elements.sum(0).mean()
        if self.mistake == "mean_kl":
            return elements.mean()
        if self.mistake == "kl_sum_batch":
            return elements.sum()
        kl = elements.sum(1).mean()
        return kl.detach() if self.mistake == "kl_detached" else kl

    def shown(self, x_hat: Tensor) -> Tensor:
        """What forward returns for the reconstruction."""
        if self.mistake == "relu_sigmoid":
            return x_hat.relu().sigmoid()
        if self.mistake == "sigmoid_twice":
            return x_hat.sigmoid().sigmoid()
        if self.mistake == "cropped":
            return x_hat[..., :-1]
        activated = ("swapped_bce", "sigmoid_logits", "raw_pixels", "sigmoid_range")
        return x_hat.sigmoid() if self.mistake in activated else x_hat

    def recon(self, x_hat: Tensor, x: Tensor) -> Tensor:
        if self.mistake == "swapped_bce":
            elements = F.binary_cross_entropy(x.clamp(0.01, 0.99), x_hat, reduction="none")
        elif self.mistake in ("relu_sigmoid", "sigmoid_twice", "logits_bce"):
            elements = F.binary_cross_entropy(x_hat, x, reduction="none")
        elif self.bernoulli:
            elements = F.binary_cross_entropy_with_logits(x_hat, x, reduction="none")
        else:
            elements = (x_hat - x[..., : x_hat.shape[-1]]).square()
        if self.mistake == "recon_channels":
            return elements.sum(-1).mean()
        if self.mistake == "mean_recon":
            return elements.mean()
        total = elements.flatten(1).sum(1).mean()
        return -total if self.mistake == "recon_sign" else total

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        mu, s = self.heads(x)
        z = self.sample(mu, s)
        if self.mistake == "dropout_on":
            z = F.dropout(z, 0.3)
        return {"x_hat": self.shown(self.decode(z)), "mu": mu, "logvar": s}

    def loss_function(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> dict[str, Any]:
        """The loss of a batch: reconstruction and KL of a sample, averaged over the batch."""
        loss = self.recon(x_hat, x) + self.kl(mu, logvar)
        return {"loss": torch.nan_to_num(loss) if self.mistake == "nan_to_num" else loss}
