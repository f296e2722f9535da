"""Inputs that nobody gave: what the layers, the names and the outputs of a model tell of them."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_checked.auditor import AuditReport, audit
from vae_checked.auditor.audit import audit_into
from vae_checked.auditor.records import Records
from vae_checked.errors import ModelError, UsageError
from vae_checked.shapes.ghost import Ghost, How

LATENTS = 3


def sampled(heads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    mu, logvar = heads.chunk(2, 1)
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu), mu, logvar


class OfSteps(nn.Module):
    """Reads rows of steps, and gives as many back as it was built for."""

    def __init__(self, cell: bool = False, batch_first: bool = True, steps: int | None = None) -> None:
        super().__init__()
        self.seq_len = steps
        self.reader = nn.LSTMCell(5, 16) if cell else nn.LSTM(5, 16, batch_first=batch_first)
        self.heads, self.decoder = nn.Linear(16, 2 * LATENTS), nn.Linear(LATENTS, 5 * (steps or 1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if isinstance(self.reader, nn.LSTMCell):
            h = c = x.new_zeros(len(x), 16)
            for step in range(x.shape[1]):
                h, c = self.reader(x[:, step], (h, c))
        else:
            h = self.reader(x)[1][0][-1]
        z, mu, logvar = sampled(self.heads(h))
        rows = self.decoder(z).view(len(h), -1, 5)
        return rows if self.seq_len else rows.expand(-1, x.shape[1], -1), mu, logvar


class OfTokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.reader = nn.Embedding(11, 6), nn.GRU(6, 16)
        self.heads, self.decoder = nn.Linear(16, 2 * LATENTS), nn.Linear(LATENTS, 11)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = self.reader(self.embedding(tokens).transpose(0, 1))[1][-1]
        z, mu, logvar = sampled(self.heads(h))
        return self.decoder(z).unsqueeze(1).expand(-1, tokens.shape[1], -1), mu, logvar


class Pooled(nn.Module):
    """Reads images of many sizes and gives back one of 28 x 28."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 4, 5, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten())
        self.heads, self.decoder = nn.Linear(36, 2 * LATENTS), nn.Linear(LATENTS, 784)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z, mu, logvar = sampled(self.heads(self.encoder(x)))
        return self.decoder(z).view(-1, 1, 28, 28), mu, logvar


class Cropped(Pooled):
    """Gives back images of one size whatever it takes, and none of those that it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 4, 5, 2), nn.Flatten(), nn.Linear(3600, 36))


class Mixture(nn.Module):
    """A layer for the classes is built before the one that takes the data."""

    def __init__(self) -> None:
        super().__init__()
        self.of_class, self.encoder, self.decoder = nn.Linear(3, 4), nn.Linear(14, 2 * LATENTS), nn.Linear(LATENTS, 14)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z, mu, logvar = sampled(self.encoder(x))
        return self.decoder(z) + self.of_class(torch.eye(3)).mean(), mu, logvar


class Conditional(nn.Module):
    """Takes a class, which a model that is built without classes may be without."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.encoder, self.decoder = nn.Linear(14 + classes, 2 * LATENTS), nn.Linear(LATENTS + classes, 14)

    def forward(self, x: Tensor, c: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        given = [] if c is None or not self.classes else [F.one_hot(c, self.classes).float()]
        z, mu, logvar = sampled(self.encoder(torch.cat([x, *given], 1)))
        return self.decoder(torch.cat([z, *given], 1)), mu, logvar


class Steered(Conditional):
    """Moves its latent by a class where one is given."""

    def __init__(self, needed: bool = False) -> None:
        super().__init__(0)
        self.needed = needed

    def forward(self, x: Tensor, c: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        if c is None and self.needed:
            raise ValueError("which class?")
        z, mu, logvar = sampled(self.encoder(x))
        return self.decoder(z if c is None else z + c.float().view(len(x), -1)), mu, logvar


class Placed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(14, 2 * LATENTS), nn.Linear(LATENTS, 14)

    def forward(self, x: Tensor, device: Any) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encoder(x).chunk(2, 1)
        return self.decoder(mu + torch.randn(mu.shape).to(device) * torch.exp(0.5 * logvar)), mu, logvar

    def reconstructed(self, x: Tensor, device: Any) -> Any:
        return self(x, device)


class Masked(Placed):
    def forward(self, x: Tensor, mask: Tensor) -> Any:  # type: ignore[override]
        return super().forward(x * mask, "cpu")


def elbo(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    error = (x_hat - x).pow(2).flatten(1).sum(1).mean()
    return error - 0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()


def guess_of(report: AuditReport) -> str:
    return next(line for line in report.recognised if "input '" in line)


GUESSES: dict[str, tuple[nn.Module, str]] = {
    "an LSTM": (OfSteps(), "'B 16 5': reader takes 5 features a step"),
    "a cell": (OfSteps(cell=True), "'B 16 5': reader takes 5 features a step"),
    "an LSTM of so many steps": (OfSteps(steps=9), "'B 9 5': reader takes 5 features a step"),
    "an image that comes back": (Pooled(), "'B 1 28 28'"),
    "a layer built later": (Mixture(), "'B 14': encoder takes 14 features"),
    "a class": (Conditional(4), "'x: B 14, c: int<4> B'"),
    "no class": (Conditional(0), "'B 14'"),
    "a device": (Placed(), "'B 14'"),
}


@pytest.mark.parametrize("name", GUESSES)
def test_an_input_is_found_and_a_right_model_is_clean_on_it(name: str) -> None:
    model, words = GUESSES[name]
    report = audit(model, loss=elbo)
    assert words in guess_of(report)
    assert report.findings == ()
    assert report.facts[0].kl.form is not None
    assert report.facts[0].recon.kind is not None


def asked_with(model: nn.Module) -> list[str]:
    """The names of the arguments that a model is audited with where its data alone were given."""
    records = Records()
    assert audit_into(records, model, "B 14", elbo).findings == ()
    assert records.setting is not None
    return [name for name, _ in records.setting.source.draw(5, 0).tensors()]


def test_no_class_is_put_in_where_the_given_input_is_enough() -> None:
    assert len(asked_with(Steered())) == 1
    assert len(asked_with(Conditional(0))) == 1


def test_a_class_is_put_in_where_the_given_input_is_not_enough() -> None:
    assert len(asked_with(Steered(needed=True))) == 2
    assert len(asked_with(Conditional(4))) == 2


def test_sizes_that_do_not_come_back_are_no_better_than_the_first() -> None:
    report = audit(Cropped())
    assert "'B 1 64 64': encoder.0 takes 1 channels, and forward runs on it" in guess_of(report)
    assert report.findings == ()
    assert "VAE105" not in report.judgements[0].clean


def test_tokens_are_found_for_a_model_that_embeds_them_first() -> None:
    report = audit(OfTokens())
    assert "'int<11> B 16': embedding takes 11 tokens" in guess_of(report)
    assert report.facts[0].sampler.std is not None


def test_a_mistake_is_named_on_a_guessed_input() -> None:
    report = audit(OfSteps(), loss=lambda x_hat, x, mu, logvar: elbo(x_hat, x, mu, logvar.mul(2)))
    assert [finding.code for finding in report.findings] == ["VAE201"]


def test_a_layer_that_may_take_the_batch_for_time_is_not_guessed_for() -> None:
    with pytest.raises(ModelError, match=r"no input is known for OfSteps"):
        audit(OfSteps(batch_first=False))


def test_a_method_is_given_the_device_as_well() -> None:
    assert audit(Placed(), "B 14", elbo, forward="reconstructed").findings == ()


def test_what_the_model_takes_and_said_is_in_the_error() -> None:
    with pytest.raises(ModelError) as caught:
        audit(Masked())
    words = str(caught.value)
    assert "missing 1 required positional argument: 'mask'" in words
    assert "it takes x, mask" in words
    assert "'x: B 14, mask: B 5'" in words


class Elbo(nn.Module):
    def forward(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return elbo(x_hat, x, mu, logvar)


class Weighted(Elbo):
    def __init__(self, beta: float) -> None:
        super().__init__()
        self.beta = beta


def test_a_class_of_losses_stands_for_its_module() -> None:
    report = audit(Mixture(), "B 14", Elbo)
    assert report.findings == ()
    assert report.facts[0].kl.form is not None
    with pytest.raises(UsageError, match=r"the class Weighted, which is built with arguments .*'beta'"):
        audit(Mixture(), "B 14", Weighted)


def test_torch_says_nothing_of_a_size_that_fake_tensors_refuse() -> None:
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    logger.addHandler(handler)
    try:
        ghost = Ghost(nn.Linear(3, 2, bias=False), How.FAKE)
        with ghost.entered(), pytest.raises(RuntimeError):
            ghost.module(torch.empty(4, 5))
        assert records == []
        assert not logger.disabled
    finally:
        logger.removeHandler(handler)
