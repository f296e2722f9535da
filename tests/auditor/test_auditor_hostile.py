"""Models that make it hard: each is measured all the same, or refused in one clear line, and nothing is made up."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from small_vaes import spellings as zoo
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils.checkpoint import checkpoint

from vae_checked.auditor import AuditReport, audit
from vae_checked.errors import ModelError
from vae_checked.facts import Likelihood, Parametrisation
from vae_checked.finding import Severity


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
    """Counts its calls where no audit puts them back, and raises at the fourth: the second pass of the audit."""

    def __init__(self) -> None:
        super().__init__()
        self.count = itertools.count(1).__next__

    def forward(self, x: Tensor) -> Any:
        if self.count() == 4:
            raise RuntimeError("not again")
        return super().forward(x)


class TrainsItself(zoo.Base):
    """Has a method of the name that torch gives to a mode."""

    def train(self, x: Any) -> Any:  # type: ignore[override]  # that is the point
        return self.forward(x)


def normalised(model: zoo.Base) -> zoo.Base:
    nn.utils.parametrizations.weight_norm(model.fc_mu)
    nn.utils.parametrizations.spectral_norm(model.fc_logvar)
    return model


def compiled_and_run() -> nn.Module:
    """A model whose compiled code is there before it is recorded, for the shape that it is recorded with."""
    model = torch.compile(zoo.Base(), backend=unrecorded)
    for training in (True, False):
        model.train(training)
        model(torch.rand(7, 3, 8, 12))
    return model


def unrecorded(graph: torch.fx.GraphModule, _: list[Tensor]) -> Callable[..., Any]:
    """A backend whose code is as hidden from modes of torch as a kernel of its own is."""

    def run(*args: Any) -> Any:
        with _disable_current_modes():
            return graph.forward(*args)

    return run


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
    "raises at its fourth call": (Sometimes, "B 3 8 12"),
    "a train of its own": (TrainsItself, "B 3 8 12"),
    "compiled": (lambda: torch.compile(zoo.Base(), backend="eager"), "B 3 8 12"),
    "compiled and run": (compiled_and_run, "B 3 8 12"),
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


class Mutates(zoo.Base):
    def forward(self, x: Tensor) -> Any:
        x.mul_(0.5)
        return super().forward(x)


class Remembers(zoo.Base):
    """Counts, keeps what it saw, and mixes its last call into the next."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.seen = 0, []
        self.last: Tensor | None = None

    def forward(self, x: Tensor) -> Any:
        self.calls += 1
        self.seen.append(x)
        x_hat, mu, logvar = super().forward(x)
        if self.last is not None:
            x_hat = x_hat + self.last.mean()
        self.last = mu
        return x_hat, mu, logvar


class Never(zoo.Base):
    def forward(self, x: Tensor) -> Any:
        raise ValueError("not today")


class InEvaluation(zoo.Base):
    def forward(self, x: Tensor) -> Any:
        if self.training:
            raise RuntimeError("call eval() first")
        return super().forward(x)


class AllNaN(zoo.Base):
    def forward(self, x: Tensor) -> Any:
        x_hat, mu, logvar = super().forward(x)
        return x_hat * float("nan"), mu, logvar


class Scripted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(11, 6), nn.Linear(3, 11)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encoder(x).chunk(2, 1)
        return self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


def lazy() -> nn.Module:
    model = zoo.Base()
    model.fc_mu = nn.LazyLinear(zoo.LATENTS)
    return model


# (model, input, what the report or the error says; empty where it is measured like any other)
def optimized() -> Any:
    """Scripted code that ran often enough to be fused."""
    model = torch.jit.script(Scripted())
    for _ in range(4):
        model(torch.rand(5, 11))[0].sum().backward()
    model.zero_grad()
    return model


HOSTILE: dict[str, tuple[Callable[[], nn.Module], str, str]] = {
    "raises": (Never, "B 3 8 12", r"the forward of Never raised ValueError: not today .* in train mode"),
    "raises at its fourth call": (Sometimes, "B 3 8 12", "a second pass: the forward of Sometimes raised"),
    "returns NaN": (AllNaN, "B 3 8 12", "the loss is nan on the drawn input"),
    "mutates its input": (Mutates, "B 3 8 12", ""),
    "needs evaluation": (InEvaluation, "B 3 8 12", r"raised RuntimeError: call eval\(\) first .* in train mode"),
    "keeps state": (Remembers, "B 3 8 12", ""),
    "double": (lambda: zoo.Base().double(), "B 3 8 12", ""),
    "half": (lambda: zoo.Base().half(), "B 3 8 12", ""),
    "meta": (lambda: zoo.Base().to("meta"), "B 3 8 12", "weight is on the meta device, where there are no numbers"),
    "frozen": (lambda: zoo.Base().requires_grad_(False), "B 3 8 12", ""),
    "jit-scripted": (lambda: torch.jit.script(Scripted()), "B 11", ""),
    "jit-traced": (lambda: torch.jit.trace(Scripted(), torch.rand(5, 11), check_trace=False), "B 11", ""),
    "jit-scripted and optimized": (optimized, "B 11", ""),
    "lazy": (lazy, "B 3 8 12", "fc_mu.weight has no size yet: run Base once on a batch, then audit it"),
}


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_model_gets_a_clear_line_and_is_as_before(name: str) -> None:
    build, spec, said = HOSTILE[name]
    torch.manual_seed(1)
    model = build()
    before = state_of(model)
    try:
        report = audit(model, spec, loss)
        words = lines(report)
        assert (report.facts[0].kl.form is not None) >= (not said), "measured like any other"
        assert {finding.severity for finding in report.findings} <= {Severity.INFO}
    except ModelError as error:
        words = str(error)
        assert "\n" not in words
    assert re.search(said, words)
    assert state_of(model) == before


def state_of(model: nn.Module) -> dict[str, Any]:
    """What an audit must leave: modes, attributes and their contents, parameters to the bit, and the random stream."""
    state: dict[str, Any] = {
        "stream": torch.get_rng_state().tolist(),
        "training": [m.training for m in model.modules()],
    }
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        known = not (tensor.is_meta or nn.parameter.is_lazy(tensor))
        state[name] = (id(tensor), tensor.requires_grad, tensor.grad, tensor.tolist() if known else None)
    if isinstance(model, Remembers):
        state["own"] = (model.calls, list(model.seen), model.last)
    return state


def test_given_inputs_stay_as_they_are_whatever_the_model_does_to_them() -> None:
    x = torch.rand(6, 3, 8, 12)
    kept = x.clone()
    audit(Mutates(), x, loss)
    assert torch.equal(x, kept)


def test_an_output_whose_methods_raise_is_read_as_far_as_it_goes() -> None:
    class Posterior:
        def __init__(self, mu: Tensor, logvar: Tensor) -> None:
            self.mean, self.logvar = mu, logvar

        def kl(self) -> Tensor:
            raise IndexError("no such axis")

        @property
        def mode(self) -> Tensor:
            raise NotImplementedError

    class Encoded:
        def __init__(self, latent_dist: Posterior) -> None:
            self.latent_dist = latent_dist

    class Decoded:
        """Raises whatever is asked of it."""

        def __init__(self, sample: Tensor) -> None:
            self.sample = sample

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(f"no {name} here")

    class Model(zoo.Base):
        def encode(self, x: Tensor) -> Any:
            return Encoded(Posterior(*super().encode(x)))

        def forward(self, x: Tensor, sample_posterior: bool = False) -> Any:
            posterior = self.encode(x).latent_dist
            z = self.sample(posterior.mean, posterior.logvar) if sample_posterior else posterior.mean
            return Decoded(self.decode(z))

    report = audit(Model(), "B 3 8 12")
    assert "the KL: the posterior's own kl() raised IndexError: no such axis" in lines(report)
    assert report.facts[0].sampler.std is not None
    assert any(line.endswith(".logvar is head for std") for line in report.recognised)


class DrawsElsewhere(zoo.Base):
    """Draws its noise in another thread, where nothing is recorded."""

    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        with ThreadPoolExecutor(1) as pool:
            eps = pool.submit(torch.randn_like, mu).result()
        return mu + eps * torch.exp(0.5 * logvar)


class SamplesElsewhere(zoo.Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(super().sample, mu, logvar).result()


class DrawsUnseen(zoo.Base):
    """Draws its noise where the modes of torch are switched off."""

    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        with _disable_current_modes():
            eps = torch.randn_like(mu)
        return mu + eps * torch.exp(0.5 * logvar)


class WithoutNoise(zoo.Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + torch.exp(0.5 * logvar)


@pytest.mark.parametrize("model", [DrawsElsewhere, SamplesElsewhere, DrawsUnseen])
def test_noise_that_is_drawn_out_of_sight_is_not_called_missing(model: type[nn.Module]) -> None:
    report = audit(model(), "B 3 8 12", loss)
    assert report.findings == ()
    assert report.facts[0].sampler.timing is None
    assert "runs on one input differ, or cannot be repeated, and nothing random was recorded" in lines(report)
    assert "VAE207" not in report.examined[0].clean


def test_noise_that_is_missing_is_still_named() -> None:
    assert [finding.code for finding in audit(WithoutNoise(), "B 3 8 12", loss).findings] == ["VAE207"]
