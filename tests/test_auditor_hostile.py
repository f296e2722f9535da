"""Models that make it hard: each is measured all the same, or refused in one clear line, and nothing is made up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import auditor_zoo as zoo
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vae_checked.auditor import AuditReport, audit
from vae_checked.errors import ModelError
from vae_checked.facts import Likelihood, Parametrisation


def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """In float32, whatever the model computes in."""
    recon = (x_hat.float() - x.float()).square().flatten(1).sum(1)
    mu, logvar = mu.float(), logvar.float()
    return (recon - 0.5 * (1 + logvar - mu.square() - logvar.exp()).flatten(1).sum(1)).mean()


def sampled(heads: Tensor, dim: int = -1) -> tuple[Tensor, Tensor, Tensor]:
    mu, logvar = heads.chunk(2, dim)
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu), mu, logvar


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.heads = nn.LSTM(5, 16, batch_first=True), nn.Linear(16, 8)
        self.decoder, self.out = nn.LSTM(4, 16, batch_first=True), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Any:
        z, mu, logvar = sampled(self.heads(self.encoder(x)[1][0][-1]))
        return self.out(self.decoder(z[:, None].expand(-1, x.shape[1], -1))[0]), mu, logvar


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
        self.inner, self.into = nn.TransformerEncoder(layer, 2), nn.Linear(5, 16)
        self.heads, self.back, self.out = nn.Linear(16, 8), nn.Linear(4, 16), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Any:
        z, mu, logvar = sampled(self.heads(self.inner(self.into(x))))
        return self.out(self.inner(self.back(z))), mu, logvar


class Volume(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.heads = nn.Conv3d(1, 8, 3, 2, 1), nn.Conv3d(8, 4, 1)
        self.decoder = nn.ConvTranspose3d(2, 1, 4, 2, 1)

    def forward(self, x: Tensor) -> Any:
        z, mu, logvar = sampled(self.heads(self.encoder(x).relu()), 1)
        return self.decoder(z), mu, logvar


class Checkpointed(zoo.Base):
    def __init__(self, reentrant: bool) -> None:
        super().__init__()
        self.reentrant = reentrant

    def decode(self, z: Tensor) -> Tensor:
        out: Tensor = checkpoint(super().decode, z, use_reentrant=self.reentrant)
        return out


class Autocast(zoo.Base):
    def forward(self, x: Tensor) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return super().forward(x)


class Sometimes(zoo.Base):
    """Counts its calls where no audit puts them back, and raises at the second."""

    def __init__(self) -> None:
        super().__init__()
        calls: list[int] = []
        self.count = lambda: calls.append(1) or len(calls)

    def forward(self, x: Tensor) -> Any:
        if self.count() == 2:
            raise RuntimeError("not twice")
        return super().forward(x)


class TrainsItself(zoo.Base):
    """Has a method of the name that torch gives to a mode."""

    def train(self, x: Any) -> Any:  # type: ignore[override]  # that is the point
        return self.forward(x)


def normalised(model: zoo.Base) -> zoo.Base:
    nn.utils.parametrizations.weight_norm(model.fc_mu)
    nn.utils.parametrizations.spectral_norm(model.fc_logvar)
    return model


MODELS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "LSTM": (Recurrent, "B 9 5"),
    "transformer": (Transformer, "B 9 5"),
    "volume": (Volume, "B 1 6 8 10"),
    "frozen": (lambda: zoo.Base().requires_grad_(False), "B 3 8 12"),
    "bfloat16": (lambda: zoo.Base().bfloat16(), "B 3 8 12"),
    "autocast": (Autocast, "B 3 8 12"),
    "checkpoint": (lambda: Checkpointed(False), "B 3 8 12"),
    "reentrant checkpoint": (lambda: Checkpointed(True), "B 3 8 12"),
    "weight and spectral norm": (lambda: normalised(zoo.Base()), "B 3 8 12"),
    "raises at its second call": (Sometimes, "B 3 8 12"),
    "a train of its own": (TrainsItself, "B 3 8 12"),
    "compiled": (lambda: torch.compile(zoo.Base(), backend="eager"), "B 3 8 12"),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_correct_model_that_is_hard_to_run_is_measured(name: str) -> None:
    build, spec = MODELS[name]
    torch.manual_seed(1)
    report = audit(build(), spec, loss)
    facts = report.facts[0]
    assert [finding.code for finding in report.findings] == []
    assert facts.sampler.std is not None
    assert facts.sampler.std.value.parametrisation is Parametrisation.LOGVAR
    assert facts.kl.form is not None
    assert facts.kl.form.value.parametrisation is Parametrisation.LOGVAR
    assert facts.recon.kind is not None
    assert facts.recon.kind.value is Likelihood.MSE


@pytest.mark.parametrize("name", ["bfloat16", "autocast"])
def test_a_mistake_is_seen_in_half_precision_too(name: str) -> None:
    class Wrong(Autocast if name == "autocast" else zoo.Base):  # type: ignore[misc]  # one class for two cases
        def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
            return mu + torch.exp(logvar) * torch.randn_like(mu)

    model = Wrong().bfloat16() if name == "bfloat16" else Wrong()
    assert "VAE201" in [finding.code for finding in audit(model, "B 3 8 12", loss).findings]


def lines(report: AuditReport) -> str:
    return "\n".join(report.unobserved)


def test_a_second_pass_that_raises_is_said() -> None:
    report = audit(Sometimes(), "B 3 8 12", loss)
    assert "a second pass: the forward of Sometimes raised RuntimeError: not twice" in lines(report)


def test_a_model_of_nan_is_said_and_not_judged_by_what_it_hides() -> None:
    class NaN(zoo.Base):
        def forward(self, x: Tensor) -> Any:
            x_hat, mu, logvar = super().forward(x)
            return x_hat * float("nan"), mu, logvar

    report = audit(NaN(), "B 3 8 12", loss)
    assert "the loss is nan on the drawn input" in lines(report)
    assert [finding.code for finding in report.findings] == []


def test_a_model_that_wants_to_be_in_evaluation_says_so() -> None:
    class Evaluated(zoo.Base):
        def forward(self, x: Tensor) -> Any:
            if self.training:
                raise RuntimeError("call eval() first")
            return super().forward(x)

    with pytest.raises(ModelError, match=r"RuntimeError: call eval\(\) first .* in train mode"):
        audit(Evaluated(), "B 3 8 12", loss)


def test_what_leaves_torch_leaves_no_made_up_facts() -> None:
    class ThroughNumpy(zoo.Base):
        def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
            mu, logvar = super().encode(x)
            return torch.tensor(mu.tolist()), torch.tensor(logvar.tolist())

    report = audit(ThroughNumpy(), "B 3 8 12", loss)
    assert report.facts[0].sampler.std is None
    assert report.facts[0].kl.form is None
    assert "VAE601" in [finding.code for finding in report.findings], "the encoder has no gradient indeed"


def test_a_posterior_that_is_not_gaussian_is_none() -> None:
    class Categorical(zoo.Base):
        def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
            return F.gumbel_softmax(mu, hard=True) + 0 * logvar

    report = audit(Categorical(), "B 3 8 12", lambda x_hat, x: (x_hat - x).square().sum())
    assert report.facts[0].sampler.std is None
    assert [finding.code for finding in report.findings] == []
