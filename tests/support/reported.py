"""Mistakes that people reported of VAEs in public, rebuilt small: the program at fault and its corrected twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FEATURES, LATENTS, CODES = 42, 6, 16


def kl_of(mu: Tensor, logvar: Tensor) -> Tensor:
    return -0.5 * (1 + logvar - mu.pow(2) - logvar.exp())


class Model(nn.Module):
    """A VAE on rows of features; every report changes one of its pieces."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(FEATURES, 32), nn.ReLU())
        self.fc_mu, self.fc_logvar = nn.Linear(32, LATENTS), nn.Linear(32, LATENTS)
        self.decoder = nn.Sequential(nn.Linear(LATENTS, 32), nn.ReLU(), nn.Linear(32, FEATURES))

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.encoder(x)
        return self.fc_mu(h), self.fc_logvar(h)

    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def decode(self, z: Tensor) -> Tensor:
        x_hat: Tensor = self.decoder(z)
        return x_hat

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.heads(x)
        return self.decode(self.sample(mu, logvar)), mu, logvar

    def error(self, x_hat: Tensor, x: Tensor) -> Tensor:
        return (x_hat - x).pow(2).sum(1)

    def kl(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return kl_of(mu, logvar).sum(1)

    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return (self.error(x_hat, x) + self.kl(mu, logvar)).mean()


@dataclass(frozen=True)
class Report:
    """Where it was reported, what in short, the program at fault, its twin, and the code; None where it is not seen."""

    url: str
    what: str
    bad: Callable[[], nn.Module]
    good: Callable[[], nn.Module]
    code: str | None
    data_range: tuple[float, float] | None = None


def changed(**pieces: Callable[..., Any]) -> Callable[[], nn.Module]:
    """The model with these of its methods replaced."""
    return type("Changed", (Model,), pieces)


class ByVariance(Model):
    """Samples with the variance in the place of the standard deviation."""

    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + torch.randn_like(mu) * logvar.exp()


class LogStd(ByVariance):
    """The head for std is a log standard deviation, and the KL reads it so."""

    def kl(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return -0.5 * (1 + 2 * logvar - mu.pow(2) - logvar.exp().pow(2)).sum(1)


class LogStdOnce(ByVariance):
    """The same whose KL is that of a log variance."""


class MeanKL(Model):
    def kl(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return kl_of(mu, logvar).mean(1)


class BatchTwice(Model):
    """The error is summed over the batch, the KL averaged."""

    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return self.error(x_hat, x).sum() + self.kl(mu, logvar).mean()


class Logits(Model):
    """A Bernoulli likelihood on logits."""

    def error(self, x_hat: Tensor, x: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(x_hat, x, reduction="none").sum(1)


class LogitsExchanged(Logits):
    def error(self, x_hat: Tensor, x: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(x, x_hat, reduction="none").sum(1)


class BothClipped(Model):
    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = super().heads(x)
        return F.relu(mu), F.relu(logvar)


class SecondClipped(Model):
    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = super().heads(x)
        return mu, F.relu(logvar)


class MeanSquashed(Model):
    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = super().heads(x)
        return torch.tanh(mu), 0.5 * torch.tanh(logvar)


class OneHeadForAll(Model):
    """The encoder ends in the latent itself, through a ReLU."""

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = super().heads(x)
        return F.relu(mu), logvar


class DecoderClipped(Model):
    def decode(self, z: Tensor) -> Tensor:
        return F.relu(super().decode(z))


class ConstantNoise(Model):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + torch.exp(0.5 * logvar) * 1.0


class UniformNoise(Model):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + torch.exp(0.5 * logvar) * torch.rand_like(mu)


class SmallNoise(Model):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + torch.exp(0.5 * logvar) * (0.01 * torch.randn_like(mu))


class MeanDecoded(Model):
    """Draws z, and decodes the mean."""

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.heads(x)
        self.z = self.sample(mu, logvar)
        return self.decode(mu), mu, logvar


class SignOfLog(Model):
    def kl(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return 0.5 * (mu.pow(2) + logvar.exp() - 1 + logvar).sum(1)


class Quantised(nn.Module):
    """A VQ-VAE; `commitment` is its loss on (encoding, code)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(FEATURES, LATENTS), nn.Linear(LATENTS, FEATURES)
        self.codebook = nn.Embedding(CODES, LATENTS)

    def quantise(self, z: Tensor) -> tuple[Tensor, Tensor]:
        code = self.codebook(torch.cdist(z, self.codebook.weight).argmin(1))
        loss = (code - z.detach()).pow(2).mean() + 0.25 * (code.detach() - z).pow(2).mean()
        return z + (code - z).detach(), loss

    def forward(self, x: Tensor) -> Any:
        code, loss = self.quantise(self.encoder(x))
        x_hat = self.decoder(code)
        return x_hat, (x_hat - x).pow(2).mean() + loss


class WeightOnTheCode(Quantised):
    def quantise(self, z: Tensor) -> tuple[Tensor, Tensor]:
        code = self.codebook(torch.cdist(z, self.codebook.weight).argmin(1))
        loss = (code.detach() - z).pow(2).mean() + 0.25 * (code - z.detach()).pow(2).mean()
        return z + (code - z).detach(), loss


class LossAfterStraightThrough(Quantised):
    def quantise(self, z: Tensor) -> tuple[Tensor, Tensor]:
        code = self.codebook(torch.cdist(z, self.codebook.weight).argmin(1))
        code = z + (code - z).detach()
        return code, (code.detach() - z).pow(2).mean() + (code - z.detach()).pow(2).mean()


GITHUB = "https://github.com/"
REPORTS: dict[str, Report] = {
    report.url.removeprefix(GITHUB): report
    for report in (
        Report(f"{GITHUB}rachtsingh/ibp_vae/issues/3", "noise times exp(logvar)", ByVariance, Model, "VAE201"),
        Report(f"{GITHUB}rishikksh20/vae_tacotron2/issues/3", "exp(log_var) as std", ByVariance, Model, "VAE201"),
        Report(
            f"{GITHUB}alecGraves/BVAE-tf/issues/7", "exp(stddev), KL of a log variance", ByVariance, Model, "VAE201"
        ),
        Report(f"{GITHUB}pyg-team/pytorch_geometric/pull/1368", "log std read as logvar", LogStdOnce, LogStd, "VAE201"),
        Report(f"{GITHUB}FluxML/model-zoo/pull/147", "+ log sigma in the KL", SignOfLog, Model, "VAE301"),
        Report(f"{GITHUB}mkusner/grammarVAE/issues/2", "KL averaged over the latents", MeanKL, Model, "VAE503"),
        Report(f"{GITHUB}keras-team/keras-io/issues/270", "KL averaged over the latents", MeanKL, Model, "VAE503"),
        Report(f"{GITHUB}tensorflow/models/pull/5049", "error summed over the batch", BatchTwice, Model, "VAE504"),
        Report(
            f"{GITHUB}autonomousvision/sledge/issues/4",
            "arguments of the BCE swapped",
            LogitsExchanged,
            Logits,
            "VAE404",
            (0, 1),
        ),
        Report(f"{GITHUB}shekkizh/TensorflowProjects/pull/1", "ReLU on both heads", BothClipped, Model, "VAE204"),
        Report(
            f"{GITHUB}alexlee-gk/video_prediction/issues/3", "ReLU on the log variance", SecondClipped, Model, "VAE204"
        ),
        Report(f"{GITHUB}pkmital/CADL/issues/84", "tanh on both heads", MeanSquashed, Model, "VAE204"),
        Report(
            f"{GITHUB}pixelite1201/pytorch_coma/issues/21", "ReLU at the encoder's end", OneHeadForAll, Model, "VAE204"
        ),
        Report(
            f"{GITHUB}yzhao062/pyod/issues/651", "ReLU at the decoder's end", DecoderClipped, Model, "VAE403", (-3, 3)
        ),
        Report(f"{GITHUB}twairball/keras_lstm_vae/issues/1", "a constant for eps", ConstantNoise, Model, "VAE207"),
        Report(f"{GITHUB}dferendo/RecommendationSystem/issues/3", "rand_like for eps", UniformNoise, Model, "VAE202"),
        Report(f"{GITHUB}keras-team/keras/pull/4211", "eps of std 0.01", SmallNoise, Model, "VAE202"),
        Report(f"{GITHUB}dmis-lab/VAECox/issues/6", "z is drawn and mu is decoded", MeanDecoded, Model, "VAE207"),
        Report(
            f"{GITHUB}andylolu2/jax-vqvae-gpt/issues/2",
            "codebook loss behind the straight-through",
            LossAfterStraightThrough,
            Quantised,
            "VAE601",
        ),
        Report(
            f"{GITHUB}karpathy/deep-vector-quantization/issues/2",
            "commitment weight on the codebook term",
            WeightOnTheCode,
            Quantised,
            "VAE209",
        ),
    )
}
# Reports that accuse right code.
MISTAKEN: dict[str, Callable[[], nn.Module]] = {
    "ctallec/world-models/issues/13": LogStd,
    "graviraja/pytorch-sample-codes/issues/2": changed(
        kl=lambda self, mu, logvar: 0.5 * (torch.exp(logvar) + mu**2 - 1.0 - logvar).sum(1)
    ),
    "pytorch/examples/issues/824": Model,
    "wiseodd/generative-models/issues/43": Model,
    "pytorch/examples/issues/592": Model,
}
