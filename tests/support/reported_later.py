"""Twenty further reports, chosen before the audit ran on any of them: the program at fault and its corrected twin."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from reported import FEATURES, GITHUB, LATENTS, Model, Quantised, Report, WeightOnTheCode, changed, kl_of
from torch import Tensor, nn

CATEGORIES, GROUPS, SAMPLES, STEPS = 5, 3, 4, 7


class SquaredLogVariance(Model):
    """0.5 * (mu^2 + s^2 - log(s^2) - 1) of a head that the sampler reads as a log variance."""

    def kl(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return 0.5 * (mu.pow(2) + logvar.pow(2) - logvar.pow(2).log() - 1).sum(1)


class WholeSumTimesMask(Model):
    """The KL is summed over everything before it meets a mask of the samples."""

    def kl(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return kl_of(mu, logvar).sum() * torch.ones(len(mu))


class MeanError(Model):
    def error(self, x_hat: Tensor, x: Tensor) -> Tensor:
        return (x_hat - x).pow(2).mean(1)


class ByTheVariance(Model):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + logvar.exp() * torch.randn(mu.shape)


class StdWhereItsLogBelongs(Model):
    """The KL takes the exponential of what is a standard deviation by then."""

    def kl(self, mu: Tensor, logvar: Tensor) -> Tensor:
        std = torch.exp(0.5 * logvar)
        return -0.5 * (1 + 2 * std - mu.pow(2) - torch.exp(2 * std)).sum(1)


class StdInEvaluation(Model):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        std = torch.exp(0.5 * logvar)
        if self.training:
            std = torch.randn_like(std).mul(std)
        return std.add(mu)


class MeanInEvaluation(Model):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return super().sample(mu, logvar) if self.training else mu


class LearnedWithACommitment(Quantised):
    """As the weight on the code's term, in the form of a sum of mean squared errors and an attribute."""

    beta = 0.25

    def quantise(self, z: Tensor) -> tuple[Tensor, Tensor]:
        code = F.embedding(torch.cdist(z, self.codebook.weight).argmin(1), self.codebook.weight)
        loss = torch.mean((code.detach() - z) ** 2) + self.beta * torch.mean((code - z.detach()) ** 2)
        return z + (code - z).detach(), loss


class CommittedWithAWeight(LearnedWithACommitment):
    def quantise(self, z: Tensor) -> tuple[Tensor, Tensor]:
        code = F.embedding(torch.cdist(z, self.codebook.weight).argmin(1), self.codebook.weight)
        loss = self.beta * torch.mean((code.detach() - z) ** 2) + torch.mean((code - z.detach()) ** 2)
        return z + (code - z).detach(), loss


class UntrainedCodebook(Quantised):
    """The codebook's loss is taken of the straight-through output."""

    def quantise(self, z: Tensor) -> tuple[Tensor, Tensor]:
        code = self.codebook(torch.cdist(z, self.codebook.weight).argmin(1))
        through = z + (code - z).detach()
        return through, F.mse_loss(through, z.detach()) + 0.25 * F.mse_loss(z, code.detach())


class Categorical(nn.Module):
    """A categorical posterior drawn by the Gumbel-softmax."""

    sign = 1.0
    prior = math.log(1 / CATEGORIES)

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(FEATURES, GROUPS * CATEGORIES), nn.Linear(GROUPS * CATEGORIES, FEATURES)

    def forward(self, x: Tensor) -> Any:
        logits = self.encoder(x).view(-1, GROUPS, CATEGORIES)
        z = F.gumbel_softmax(logits, tau=0.7)
        return self.decoder(z.flatten(1)), F.softmax(logits, -1)

    def loss(self, x_hat: Tensor, x: Tensor, qy: Tensor) -> Tensor:
        kl = self.sign * (qy * (torch.log(qy + 1e-20) - self.prior)).sum((1, 2))
        return ((x_hat - x).pow(2).sum(1) + kl).mean()


class NegativeCategorical(Categorical):
    sign = -1.0


class UnloggedPrior(Categorical):
    prior = 1 / CATEGORIES


class NoKL(Model):
    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return (self.error(x_hat, x) + self.kl(mu, logvar) * 0).mean()


class Weighted(Model):
    """Several samples, weighed by their importance; `detached` where the weights are constants, as the bound has it."""

    detached = True

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.heads(x)
        mu, logvar = (head.unsqueeze(1).expand(-1, SAMPLES, -1) for head in (mu, logvar))
        z = mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape)
        return self.decode(z), z, mu, logvar

    def loss(self, x_hat: Tensor, x: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:  # type: ignore[override]
        posterior = torch.distributions.Normal(mu, torch.exp(0.5 * logvar)).log_prob(z).sum(2)
        prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(2)
        log_weight = prior - posterior - (x_hat - x.unsqueeze(1)).pow(2).sum(2)
        weight = torch.softmax(log_weight, 1)
        return -((weight.detach() if self.detached else weight) * log_weight).sum(1).mean()


class WeightedWithAGradient(Weighted):
    detached = False


class ClippedMean(Model):
    """The mean is what the encoder ends with, which is a ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(FEATURES, 32), nn.ReLU(), nn.Linear(32, LATENTS), nn.ReLU())
        self.fc_logvar = nn.Linear(LATENTS, LATENTS)

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.encoder(x)
        return h, self.fc_logvar(h)


class OneHeadTwice(Model):
    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.encoder(x)
        return self.fc_mu(h), self.fc_mu(h)


class Both(nn.Module):
    """Two latents, each with its own heads; `mistaken` where the first's log variance is returned twice."""

    mistaken = False

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(FEATURES, 2 * LATENTS), nn.Linear(FEATURES, 2 * LATENTS)
        self.decoder = nn.Linear(2 * LATENTS, FEATURES)

    def forward(self, x: Tensor) -> Any:
        mu_p, logvar_p = self.first(x).chunk(2, 1)
        mu_n, logvar_n = self.second(x).chunk(2, 1)
        z_p = mu_p + (0.5 * logvar_p).exp() * torch.randn_like(mu_p)
        z_n = mu_n + (0.5 * logvar_n).exp() * torch.randn_like(mu_n)
        last = logvar_p if self.mistaken else logvar_n
        return self.decoder(torch.cat([z_p, z_n], 1)), mu_p, logvar_p, mu_n, last

    def loss(self, x_hat: Tensor, x: Tensor, mu_p: Tensor, logvar_p: Tensor, mu_n: Tensor, logvar_n: Tensor) -> Tensor:
        return ((x_hat - x).pow(2).sum(1) + (kl_of(mu_p, logvar_p) + kl_of(mu_n, logvar_n)).sum(1)).mean()


class FirstTwice(Both):
    mistaken = True


class Adjacency(Model):
    """Rows of a graph; the error is divided by their number twice, the KL once."""

    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        error = F.binary_cross_entropy_with_logits(x_hat, x, reduction="none").sum(1)
        return error.mean() / len(x) + self.kl(mu, logvar).mean()


class AdjacencyOnce(Model):
    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        error = F.binary_cross_entropy_with_logits(x_hat, x, reduction="none").sum(1)
        return error.mean() + self.kl(mu, logvar).mean()


class SummedError(Model):
    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return F.mse_loss(x, x_hat, reduction="sum") + self.kl(mu, logvar).mean()


class Softplus(Model):
    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = super().heads(x)
        return mu, F.softplus(logvar)


class NoiseAsAParameter(Model):
    def __init__(self) -> None:
        super().__init__()
        self.eps = nn.Parameter(torch.randn(LATENTS))

    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + torch.sqrt(torch.exp(logvar)) * self.eps


# ------------------------------------------------------------------------------------- right code that is accused


class MapOfLatents(Model):
    """0.5 * sum(mean^2 + var - 1 - logvar), as a class of diagonal Gaussians has it."""

    def kl(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return 0.5 * torch.sum(torch.pow(mu, 2) + logvar.exp() - 1.0 - logvar, dim=1)


class Conditional(nn.Module):
    """A posterior and a prior that both follow from the source sentence, and the KL of the two."""

    def __init__(self) -> None:
        super().__init__()
        self.posterior, self.prior = nn.Linear(FEATURES + STEPS, 2 * LATENTS), nn.Linear(STEPS, 2 * LATENTS)
        self.decoder = nn.Linear(LATENTS + STEPS, FEATURES)

    def forward(self, x: Tensor, c: Tensor) -> Any:
        mu_q, log_sigma_q = self.posterior(torch.cat([x, c], 1)).chunk(2, 1)
        mu_p, log_sigma_p = self.prior(c).chunk(2, 1)
        z = mu_q + log_sigma_q.exp() * torch.randn_like(mu_q)
        return self.decoder(torch.cat([z, c], 1)), mu_q, log_sigma_q, mu_p, log_sigma_p

    def loss(
        self, x_hat: Tensor, x: Tensor, mu_q: Tensor, log_sigma_q: Tensor, mu_p: Tensor, log_sigma_p: Tensor
    ) -> Tensor:
        variances = (2 * log_sigma_q).exp() + (mu_q - mu_p).pow(2)
        kl = log_sigma_p - log_sigma_q + variances / (2 * (2 * log_sigma_p).exp()) - 0.5
        return ((x_hat - x).pow(2).sum(1) + kl.sum(1)).mean()


def _row(path: str, what: str, bad: Callable[[], nn.Module], good: Callable[[], nn.Module], code: str | None) -> Report:
    return Report(f"{GITHUB}{path}", what, bad, good, code)


LATER: dict[str, Report] = {
    report.url.removeprefix(GITHUB): report
    for report in (
        _row("deepchem/deepchem/pull/4888", "logvar squared for the variance", SquaredLogVariance, Model, "VAE201"),
        _row("EDAPINENUT/GNTPP/issues/4", "KL summed over all, for each", WholeSumTimesMask, Model, "VAE504"),
        _row("keras-team/keras/pull/3383", "error averaged over the pixels", MeanError, Model, "VAE502"),
        _row("keras-team/keras/pull/9972", "sampled with the variance", ByTheVariance, Model, "VAE201"),
        _row("sutaoyu/IBMEA/issues/2", "std where its log belongs", StdWhereItsLogBelongs, Model, "VAE201"),
        _row("Project-MONAI/MONAI/issues/8413", "mu + std in eval", StdInEvaluation, MeanInEvaluation, "VAE207"),
        _row("sczhou/CodeFormer/issues/427", "beta on the codebook's term", WeightOnTheCode, Quantised, "VAE209"),
        _row(
            "CompVis/taming-transformers/issues/57",
            "beta on the codebook's term",
            LearnedWithACommitment,
            CommittedWithAWeight,
            "VAE209",
        ),
        _row("showlab/Olaf-World/issues/8", "a codebook without gradient", UntrainedCodebook, Quantised, "VAE601"),
        _row(
            "dev4488/VAE_gumble_softmax/issues/1", "minus a categorical KL", NegativeCategorical, Categorical, "VAE302"
        ),
        _row("YongfeiYan/Gumbel_Softmax_VAE/issues/1", "1 / K for log(1 / K)", UnloggedPrior, Categorical, "VAE301"),
        _row("tdspora/syngen/issues/258", "KL times 0", NoKL, Model, "VAE305"),
        _row("AntixK/PyTorch-VAE/issues/34", "importance with a gradient", WeightedWithAGradient, Weighted, None),
        _row("mila-iqia/atari-representation-learning/pull/37", "ReLU on the mean", ClippedMean, Model, "VAE204"),
        _row("OpenTalker/SadTalker/issues/969", "one layer for both heads", OneHeadTwice, Model, "VAE205"),
        _row("Sahandfer/CEM/issues/5", "another latent's log variance", FirstTwice, Both, None),
        _row("ixxi-dante/an2vec/issues/3", "error divided twice", Adjacency, AdjacencyOnce, "VAE504"),
        _row("rail-berkeley/rlkit/issues/119", "error summed over the batch", SummedError, Model, "VAE504"),
        _row("wohlert/semi-supervised-pytorch/issues/23", "softplus on logvar", Softplus, Model, "VAE204"),
        _row("PaddlePaddle/Paddle/issues/3770", "eps is a parameter", NoiseAsAParameter, Model, "VAE207"),
    )
}
# Reports that accuse right code.
MISTAKEN_LATER: dict[str, Callable[[], nn.Module]] = {
    "CompVis/stable-diffusion/issues/849": MapOfLatents,
    "keras-team/keras/pull/6500": Model,
    "vithursant/VAE-Gumbel-Softmax/issues/1": Categorical,
    "XMUDeepLIT/VNMT/issues/5": Conditional,
    "wiseodd/generative-models/issues/40": changed(
        kl=lambda self, mu, logvar: 0.5 * torch.sum(torch.exp(logvar) + mu**2 - 1.0 - logvar, 1)
    ),
}
