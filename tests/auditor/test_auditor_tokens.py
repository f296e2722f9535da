"""Cross entropy of tokens, and of gray levels, as the reconstruction: its weight, sign and reductions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch import distributions as D

from vae_checked.auditor import AuditReport, audit
from vae_checked.facts import Likelihood

WORDS, LENGTH, EMBEDDED, LATENTS = 11, 6, 5, 3
Error = Callable[[Tensor, Tensor], Tensor]


class Sentences(nn.Module):
    def __init__(self, error: Error) -> None:
        super().__init__()
        self.error = error
        self.embedding = nn.Embedding(WORDS, EMBEDDED)
        self.encoder = nn.Linear(LENGTH * EMBEDDED, 2 * LATENTS)
        self.decoder = nn.Linear(LATENTS, LENGTH * WORDS)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encoder(self.embedding(tokens).flatten(1)).chunk(2, 1)
        z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
        return self.decoder(z).view(-1, LENGTH, WORDS), mu, logvar

    def loss(self, logits: Tensor, tokens: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return self.error(logits, tokens) - 0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()


def reported(error: Error) -> AuditReport:
    torch.manual_seed(2)
    return audit(Sentences(error), f"int<{WORDS}> B {LENGTH}", "loss")


def of_each(logits: Tensor, tokens: Tensor) -> Tensor:
    return F.cross_entropy(logits.transpose(1, 2), tokens, reduction="none")


RIGHT: dict[str, Error] = {
    "summed and divided": lambda p, t: F.cross_entropy(p.flatten(0, 1), t.flatten(), reduction="sum") / len(t),
    "of each": lambda p, t: of_each(p, t).sum(1).mean(),
    "a distribution": lambda p, t: -D.Categorical(logits=p).log_prob(t).sum(1).mean(),
    "log of softmax": lambda p, t: F.nll_loss(p.softmax(-1).log().transpose(1, 2), t, reduction="none").sum(1).mean(),
    "gathered": lambda p, t: -p.log_softmax(-1).gather(-1, t.unsqueeze(-1)).sum((1, 2)).mean(),
}


@pytest.mark.parametrize("name", RIGHT)
def test_the_cross_entropy_of_tokens_is_a_reconstruction(name: str) -> None:
    report = reported(RIGHT[name])
    (facts,) = report.facts
    assert [finding.code for finding in report.findings] == []
    assert facts.recon.kind is not None
    assert facts.recon.kind.value is Likelihood.CROSS_ENTROPY
    assert facts.objective.effective_beta is not None
    assert facts.objective.effective_beta.value.value == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("seen", [slice(1, None), slice(-1)])
def test_logits_of_a_part_of_the_tokens_have_no_wrong_shape(seen: slice) -> None:
    def loss(logits: Tensor, tokens: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1)
        return (of_each(logits[:, : LENGTH - 1], tokens[:, seen]).sum(1) + kl).mean()

    class Shifted(Sentences):
        def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            logits, mu, logvar = super().forward(tokens)
            return logits[:, : LENGTH - 1], mu, logvar

    torch.manual_seed(2)
    report = audit(Shifted(of_each), f"int<{WORDS}> B {LENGTH}", loss)
    assert [finding.code for finding in report.findings] == []
    assert report.facts[0].recon.kind is not None


WRONG: dict[str, tuple[Error, str]] = {
    "averaged over all tokens": (lambda p, t: of_each(p, t).mean(), "VAE502"),
    "summed over the batch": (lambda p, t: of_each(p, t).sum(), "VAE504"),
    "maximised": (lambda p, t: -of_each(p, t).sum(1).mean(), "VAE505"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_in_the_cross_entropy_of_tokens_is_named(name: str) -> None:
    error, code = WRONG[name]
    assert [finding.code for finding in reported(error).findings] == [code]


OPEN: dict[str, Error] = {
    "padding left out of the mean": lambda p, t: F.cross_entropy(p.transpose(1, 2), t, ignore_index=0),
    "weighted classes": lambda p, t: F.cross_entropy(p.transpose(1, 2), t, weight=torch.arange(1.0, WORDS + 1)),
    "smoothed labels": lambda p, t: F.cross_entropy(p.transpose(1, 2), t, label_smoothing=0.2),
}


@pytest.mark.parametrize("name", OPEN)
def test_a_cross_entropy_whose_mean_is_its_own_is_accused_of_nothing(name: str) -> None:
    report = reported(OPEN[name])
    assert [finding.code for finding in report.findings] == []
    assert not {"VAE501", "VAE502", "VAE504"} & {code for each in report.examined for code in each.clean}


class Labelled(nn.Module):
    """Continuous data, and a classifier of z beside the reconstruction."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(8, 2 * LATENTS), nn.Linear(LATENTS, 8)
        self.classifier = nn.Linear(LATENTS, 4)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        mu, logvar = self.encoder(x).chunk(2, 1)
        z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
        return self.decoder(z), mu, logvar, self.classifier(z)

    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, logits: Tensor, y: Tensor) -> Tensor:
        error = (x_hat - x).square().sum(1).mean()
        return F.cross_entropy(logits, y) + error - 0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()


def test_the_classifier_of_a_label_is_no_reconstruction() -> None:
    torch.manual_seed(2)
    report = audit(Labelled(), "x: B 8, y: int<4> B", "loss")
    assert [finding.code for finding in report.findings] == []
    assert report.facts[0].recon.kind is not None
    assert report.facts[0].recon.kind.value is Likelihood.MSE


class GrayLevels(nn.Module):
    """Pictures in [0, 1], whose 256 levels are classes."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(15, 2 * LATENTS), nn.Linear(LATENTS, 256 * 15)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encoder(x.flatten(1)).chunk(2, 1)
        z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
        return self.decoder(z).view(-1, 256, 1, 3, 5), mu, logvar

    def loss(self, recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        levels = (x * 255).long()
        error = F.cross_entropy(recon_x.permute(0, 2, 3, 4, 1).reshape(-1, 256), levels.view(-1), reduction="sum")
        return (error - 0.5 * (1 + logvar - mu**2 - logvar.exp()).sum()) / len(x)


def test_the_cross_entropy_of_gray_levels_is_a_reconstruction() -> None:
    torch.manual_seed(2)
    report = audit(GrayLevels(), "B 1 3 5", "loss")
    assert [finding.code for finding in report.findings] == []
    assert report.facts[0].recon.kind is not None
    assert report.facts[0].recon.kind.value is Likelihood.CROSS_ENTROPY
    assert {"VAE502", "VAE504", "VAE505"} <= {code for each in report.examined for code in each.clean}


class Basket(nn.Module):
    """What was bought, one number for each item, as a multinomial: the logarithms are multiplied by the counts."""

    def __init__(self, error: Error) -> None:
        super().__init__()
        self.error = error
        self.encoder, self.decoder = nn.Linear(24, 2 * LATENTS), nn.Linear(LATENTS, 24)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encoder(x).chunk(2, 1)
        z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
        return self.decoder(z), mu, logvar

    def loss(self, recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return self.error(recon_x, x) - 0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()


BASKETS: dict[str, tuple[Error, Likelihood | None, list[str]]] = {
    "of log_softmax": (lambda p, x: -(p.log_softmax(1) * x).sum(1).mean(), Likelihood.CROSS_ENTROPY, []),
    "maximised": (lambda p, x: (p.log_softmax(1) * x).sum(1).mean(), Likelihood.CROSS_ENTROPY, ["VAE505"]),
    "summed over the batch": (lambda p, x: -(p.log_softmax(1) * x).sum(), Likelihood.CROSS_ENTROPY, ["VAE504"]),
    "an inner product": (lambda p, x: -(p * x).sum(1).mean(), None, []),
}


@pytest.mark.parametrize("name", BASKETS)
def test_a_multinomial_is_a_cross_entropy_of_logarithms_alone(name: str) -> None:
    error, kind, codes = BASKETS[name]
    torch.manual_seed(2)
    report = audit(Basket(error), "B 24", "loss")
    found = report.facts[0].recon.kind
    assert (None if found is None else found.value) is kind
    assert [finding.code for finding in report.findings] == codes
