"""The laws on existing models, and `check_vae`: right is silent, wrong is named, and nothing is changed."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

import vae_checked
from vae_checked import reference
from vae_checked.auditor.check import Outcome, check_vae, put, stages_for
from vae_checked.catalogue import CATALOGUE, find
from vae_checked.errors import FindingsError, ModelError, UsageError
from vae_checked.laws import LAWS, InapplicableError, Law
from vae_checked.laws import find as find_law

L = 5
IMAGE = (3, 4, 6)
SPEC = "B 3 4 6"


def module_of(source: str, name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(source, name, "exec"), module.__dict__)  # noqa: S102  the catalogue's own example
    return module


def outcomes(model: nn.Module, inputs: Any = SPEC, loss: Any = None, **options: Any) -> dict[str, Outcome]:
    staged = stages_for(model, inputs, loss, **options)
    return {law.name: put(law, staged) for law in LAWS}


def broken(found: dict[str, Outcome]) -> set[str]:
    return {name for name, outcome in found.items() if outcome.violation is not None}


def held(found: dict[str, Outcome]) -> set[str]:
    return {name for name, outcome in found.items() if outcome.violation is None and outcome.reason is None}


POSTERIOR_LAWS = {
    "kl-closed-form",
    "kl-zero-at-prior",
    "sample-is-affine",
    "noise-is-standard-normal",
    "sample-gradient",
}
FUNCTION_LAWS = {"batch-order", "sample-independence", "posterior-shape", "decoder-shape", "reconstruction-shape"}
RECON_LAWS = {"recon-least-at-target", "recon-grows-with-error", "recon-pixel-order"}


# ------------------------------------------------------------------------------ correct models of many conventions


class Base(nn.Module):
    """A small VAE whose parts can be written in other ways."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(72, 16), nn.Tanh())
        self.first, self.second = nn.Linear(16, L), nn.Linear(16, L)
        self.decoder = nn.Sequential(nn.Linear(L, 16), nn.Tanh(), nn.Linear(16, 72), nn.Sigmoid())

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.features(x)
        return self.first(h), self.second(h)

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.heads(x)
        z = mu + torch.exp(logvar / 2) * torch.randn_like(mu)
        return self.decoder(z).view(-1, *IMAGE), mu, logvar


def usual_loss(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    bce = F.binary_cross_entropy(recon_x.flatten(1), x.flatten(1), reduction="sum")
    return bce - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())


class LogStd(Base):
    """log sigma throughout, under a misleading name that is used consistently."""

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.heads(x)
        z = mu + logvar.exp() * torch.randn_like(mu)
        return self.decoder(z).view(-1, *IMAGE), mu, logvar


def log_std_loss(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    kl = 0.5 * (torch.exp(2 * logvar) + mu**2 - 1) - logvar
    return F.mse_loss(recon_x, x) + 3e-4 * kl.mean()


class Distributions(Base):
    """`rsample` and `kl_divergence`, handed over as a dict, the reconstruction flat."""

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.heads(x)
        q = Normal(mu, torch.exp(0.5 * logvar))
        return {"reconstruction": self.decoder(q.rsample()), "posterior": q}


def distribution_loss(output: dict[str, Any], x: Tensor) -> Tensor:
    q = output["posterior"]
    kl = kl_divergence(q, Normal(torch.zeros_like(q.loc), torch.ones_like(q.scale))).sum(dim=1)
    recon = F.mse_loss(output["reconstruction"], x.flatten(1), reduction="none").sum(dim=1)
    return (recon + 4 * kl).mean()


class Spatial(nn.Module):
    """A latent that is a map, and the mean in evaluation."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.encoder = nn.Conv2d(3, 8, 2, stride=2)
        self.decoder = nn.ConvTranspose2d(4, 3, 2, stride=2)

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu) if self.training else mu
        return self.decoder(z), mu, logvar


def spatial_loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    kl = 0.5 * (logvar.exp() + mu**2 - 1 - logvar).sum(dim=(1, 2, 3))
    return ((x_hat - x).abs().sum(dim=(1, 2, 3)) + kl).mean()


class SampledKL(Base):
    """log q(z|x) - log p(z) at the sample itself, and the loss made by the model."""

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.heads(x)
        std = torch.exp(0.5 * logvar)
        z = mu + std * torch.randn_like(std)
        x_hat = self.decoder(z).view(-1, *IMAGE)
        kl = (Normal(mu, std).log_prob(z) - Normal(0.0, 1.0).log_prob(z)).sum(dim=1)
        return {"x_hat": x_hat, "loss": (F.mse_loss(x_hat, x, reduction="none").sum(dim=(1, 2, 3)) + kl).mean()}


CORRECT: dict[str, tuple[Callable[[], nn.Module], Any, set[str]]] = {
    "usual": (Base, usual_loss, POSTERIOR_LAWS | FUNCTION_LAWS | RECON_LAWS),
    "log std": (LogStd, log_std_loss, POSTERIOR_LAWS | FUNCTION_LAWS | RECON_LAWS),
    "distributions": (Distributions, distribution_loss, POSTERIOR_LAWS | FUNCTION_LAWS | RECON_LAWS),
    "spatial": (Spatial, spatial_loss, POSTERIOR_LAWS | FUNCTION_LAWS | RECON_LAWS),
    "sampled KL": (SampledKL, None, POSTERIOR_LAWS | FUNCTION_LAWS),
}


@pytest.mark.parametrize("name", CORRECT)
def test_a_correct_model_obeys_whatever_its_convention(name: str) -> None:
    build, loss, at_least = CORRECT[name]
    found = outcomes(build(), loss=loss, data_range=(0, 1))
    assert broken(found) == set()
    assert at_least - held(found) == set(), {law: found[law].reason for law in at_least - held(found)}


@pytest.mark.parametrize("output", ["logits", "sigmoid", "tanh"])
def test_check_vae_is_silent_on_the_reference(output: str) -> None:
    torch.manual_seed(0)
    model = reference.VAE((3, 4, 6), latents=L, hidden=9, encoder="mlp", decoder="mlp", output=output)
    report = check_vae(model, SPEC, model.loss_function, data_range=(-1, 1) if output == "tanh" else (0, 1))
    assert report.findings == ()
    assert len(report.judgements) == 1


GOOD = {mistake.good: mistake.code for mistake in reversed(CATALOGUE)}


@pytest.mark.parametrize("text", GOOD, ids=GOOD.values())
def test_the_catalogues_good_modules_obey(text: str) -> None:
    module = module_of(text, "catalogue_good")
    torch.manual_seed(0)
    staged = stages_for(module.VAE(), module.INPUT, module.loss_function, data_range=module.DATA_RANGE)
    found = {law.name: put_once(law, staged) for law in LAWS}
    assert {name for name, outcome in found.items() if outcome} == set()


def put_once(law: Law, staged: Any) -> str | None:
    try:
        violation = law.check(staged.stages, staged.sizes(3), seed=4)
    except vae_checked.VaeCheckedError:
        return None
    return None if violation is None else str(violation)


# ------------------------------------------------------------------------------------------------ wrong models

BREAKS = {
    "VAE105": {"reconstruction-shape", "decoder-shape"},
    "VAE106": {"batch-order", "sample-independence", "batch-concatenation"},
    "VAE201": {"kl-closed-form"},
    "VAE202": {"noise-is-standard-normal", "sample-moments"},
    "VAE203": {"noise-is-independent", "noise-is-standard-normal", "sample-moments"},
    "VAE206": {"sample-gradient"},
    "VAE302": {"kl-nonnegative", "kl-zero-at-prior", "kl-closed-form", "kl-grows-with-mu", "kl-grows-with-log-std"},
    "VAE306": {"kl-closed-form", "kl-grows-with-log-std"},
    "VAE505": {"recon-least-at-target", "recon-grows-with-error"},
}


@pytest.mark.parametrize("code", BREAKS)
def test_a_mistake_breaks_the_laws_that_forbid_it(code: str) -> None:
    module = module_of(find(code).bad, f"catalogue_bad_{code}")
    torch.manual_seed(0)
    found = outcomes(module.VAE(), module.INPUT, module.loss_function, data_range=module.DATA_RANGE)
    assert broken(found) == BREAKS[code]


def test_one_error_names_every_finding_and_every_broken_law() -> None:
    module = module_of(find("VAE201").bad, "catalogue_bad_whole")
    with pytest.raises(AssertionError) as caught:
        check_vae(module.VAE(), module.INPUT, module.loss_function, data_range=module.DATA_RANGE, name="mine")
    assert isinstance(caught.value, FindingsError)
    first, *lines = str(caught.value).splitlines()
    assert first == "mine: 1 finding and 1 broken law"
    assert lines[0].startswith("  VAE201 log-std-read-as-logvar: ")
    assert lines[1].startswith("  law kl-closed-form is broken: kl = ")
    assert "(B=2, C=3, H=8, W=12, L=5, seed 0)" in lines[1]
    assert lines[1].endswith("; mistakes that break it: VAE201, VAE301, VAE306; more: vae-checked explain VAE201")
    assert len(lines) == 2


def test_the_public_name_is_this_check() -> None:
    assert vae_checked.check_vae is check_vae


# ------------------------------------------------------------------------------------- what is not seen, and why


def test_noise_of_numpy_is_not_put_to_the_laws_of_sampling() -> None:
    class Numpy(Base):
        def forward(self, x: Tensor) -> Any:
            mu, logvar = self.heads(x)
            eps = torch.from_numpy(np.random.randn(*mu.shape)).to(mu.dtype)
            return self.decoder(mu + torch.exp(logvar / 2) * eps).view(-1, *IMAGE), mu, logvar

    staged = stages_for(Numpy(), SPEC, usual_loss)
    assert any("does not come from torch" in line for line in staged.unobserved)
    reason = put(find_law("sample-is-affine"), staged).reason
    assert reason is not None
    assert re.fullmatch(r"its sampler is not known: the noise of .* does not come from torch", reason)
    assert put(find_law("kl-closed-form"), staged) == Outcome(find_law("kl-closed-form"))


def test_a_generator_of_the_models_own_is_not_put_to_the_laws_of_sampling() -> None:
    class Own(Base):
        def __init__(self) -> None:
            super().__init__()
            self.generator = torch.Generator().manual_seed(3)

        def forward(self, x: Tensor) -> Any:
            mu, logvar = self.heads(x)
            eps = torch.randn(mu.shape, generator=self.generator)
            return self.decoder(mu + torch.exp(logvar / 2) * eps).view(-1, *IMAGE), mu, logvar

    model = Own()
    before = model.generator.get_state()
    staged = stages_for(model, SPEC, usual_loss)
    assert any("a generator of its own" in line for line in staged.unobserved)
    assert torch.equal(model.generator.get_state(), before)


def test_a_std_of_no_known_parametrisation_is_no_violation() -> None:
    class Softplus(Base):
        def forward(self, x: Tensor) -> Any:
            mu, s = self.heads(x)
            std = F.softplus(s) + 0.1 * s.square()
            z = mu + std * torch.randn_like(mu)
            return self.decoder(z).view(-1, *IMAGE), mu, s

    found = outcomes(
        Softplus(), loss=lambda x_hat, x, mu, s: F.mse_loss(x_hat, x) + mu.square().mean() + s.square().mean()
    )
    assert broken(found) == set()
    assert found["kl-closed-form"].reason is not None


def test_an_autoencoder_without_noise_is_put_to_the_law_of_its_shape() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(72, 72), nn.Unflatten(1, IMAGE))
    found = outcomes(model)
    assert held(found) == {"reconstruction-shape"}
    assert found["kl-closed-form"].reason == (
        "its KL and what its head for std stands for are not known: "
        "no z = mu + std * eps whose heads follow from the input was seen"
    )


def test_a_model_that_runs_in_training_alone_is_put_to_fewer_laws() -> None:
    class TrainingOnly(Base):
        def forward(self, x: Tensor) -> Any:
            if not self.training:
                raise NotImplementedError("sample instead")
            return super().forward(x)

    staged = stages_for(TrainingOnly(), SPEC, usual_loss)
    assert any("sample instead" in line for line in staged.unobserved)
    assert put(find_law("kl-closed-form"), staged) == Outcome(find_law("kl-closed-form"))
    reason = put(find_law("posterior-shape"), staged).reason
    assert reason is not None
    assert reason.startswith("its encoder is not known: ")
    assert "sample instead" in reason


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    return (a[:, None] - b[None]).square().sum(dim=2)


def with_mmd(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """The usual loss and the unbiased MMD of the means from samples of the prior, which divides by n - 1."""
    n, prior = len(mu), torch.randn_like(mu)
    alike = torch.exp(-squared_distances(mu, mu)).sum() - n
    others = torch.exp(-squared_distances(mu, prior)).mean()
    return usual_loss(x_hat, x, mu, logvar) + 50 * (alike / (n * (n - 1)) - 2 * others)


def with_capacity(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(dim=1)
    return F.mse_loss(x_hat, x, reduction="sum") / len(x) + 30 * (kl - 25).abs().mean()


@pytest.mark.parametrize(
    ("loss", "reason"), [(with_mmd, "as an MMD does, is added to it"), (with_capacity, "a capacity or the like")]
)
def test_a_kl_with_another_term_is_put_to_no_law_of_the_kl(loss: Any, reason: str) -> None:
    found = outcomes(Base(), loss=loss)
    assert broken(found) == set()
    assert {"sample-is-affine", "posterior-shape", "reconstruction-shape"} <= held(found)
    said = found["kl-closed-form"].reason
    assert said is not None
    assert said.startswith("its KL is not known: ")
    assert reason in said
    assert re.search(r"test_check\.py:\d+", said)


def test_a_loss_that_one_sample_does_not_have_is_not_asked_of_one_sample() -> None:
    def spread(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        # The prediction errors of the batch, their mean taken over n - 1: not defined for one sample.
        kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum()
        return ((x_hat - x).square().sum() + kl) / (len(x) - 1)

    staged = stages_for(Base(), SPEC, spread)
    for name in ("kl-nonnegative", "recon-least-at-target"):
        law = find_law(name)
        assert law.check(staged.stages, staged.sizes(3), seed=1) is None
        with pytest.raises(InapplicableError, match="the loss of a single sample is not finite"):
            law.check(staged.stages, staged.sizes(1), seed=1)


def test_a_model_that_decodes_half_of_its_batch_is_asked_for_no_more() -> None:
    class Halves(Base):
        def forward(self, x: Tensor) -> Any:
            x_hat, mu, logvar = super().forward(x[: (len(x) + 1) // 2])
            return {"x_hat": x_hat, "mu": mu, "logvar": logvar}

    staged = stages_for(Halves(), SPEC)
    assert any("encodes and decodes 4 of 7 samples" in line for line in staged.unobserved)
    assert [law.name for law in LAWS if put(law, staged).violation] == []


class Ladder(nn.Module):
    """A decoder that is told of the input, or draws noise of its own, beside z."""

    def __init__(self, told: bool, noisy: bool) -> None:
        super().__init__()
        self.heads, self.up, self.skip = nn.Linear(9, 8), nn.Linear(4, 9), nn.Linear(9, 9)
        self.told, self.noisy = told, noisy

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.heads(x).chunk(2, 1)
        h = self.up(mu + torch.randn_like(mu) * (0.5 * logvar).exp())
        h = h + self.skip(x) if self.told else h
        return h + torch.randn_like(h) if self.noisy else h, mu, logvar


@pytest.mark.parametrize(
    ("told", "noisy", "why"),
    [
        (True, False, "by another way than z as well"),
        (False, True, "from further noise than that of z"),
        (False, False, None),
    ],
)
def test_a_decoder_of_more_than_z_is_put_to_no_law_of_the_decoder(told: bool, noisy: bool, why: str | None) -> None:
    staged = stages_for(Ladder(told, noisy), "B 9", data_range=(0, 1))
    outcomes = [put(law, staged) for law in LAWS]
    assert [str(each) for each in outcomes if each.violation is not None] == []
    assert (staged.stages.decode is None) == (why is not None)
    assert (why or "") in staged.stages.unknown.get("decode", "")


def test_given_samples_are_used_and_bound_the_batch() -> None:
    data = torch.rand(5, *IMAGE, generator=torch.Generator().manual_seed(2))
    staged = stages_for(Base(), data, usual_loss)
    assert staged.largest_batch == 5
    assert put(find_law("sample-independence"), staged) == Outcome(find_law("sample-independence"))
    together = put(find_law("batch-concatenation"), staged)
    assert together.reason == "5 samples were given as inputs, 6 are needed"


def test_labels_beside_the_data_do_not_pass_for_batch_mixing() -> None:
    class Conditional(Base):
        def __init__(self) -> None:
            super().__init__()
            self.label = nn.Embedding(10, L)

        def forward(self, x: Tensor, y: Tensor) -> Any:
            mu, logvar = self.heads(x)
            mu = mu + self.label(y)
            z = mu + torch.exp(logvar / 2) * torch.randn_like(mu)
            return self.decoder(z + self.label(y)).view(-1, *IMAGE), mu, logvar

    found = outcomes(Conditional(), inputs="x: B 3 4 6, y: int<10> B", loss=usual_loss)
    assert broken(found) == set()
    assert {"batch-order", "sample-independence"} <= held(found)


def test_a_batch_statistic_in_evaluation_is_caught() -> None:
    class Centred(Base):
        def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
            mu, logvar = super().heads(x)
            return mu - mu.mean(dim=0), logvar

    assert {"sample-independence", "batch-concatenation"} <= broken(outcomes(Centred(), loss=usual_loss))


# -------------------------------------------------------------------------------------------------- left as it was


def test_check_vae_leaves_everything_as_it_was() -> None:
    class Batched(Base):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(3)

        def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return super().heads(self.norm(x))

    model = Batched().train()
    model.decoder.eval()
    model.first.weight.requires_grad_(False)
    model.second.weight.grad = torch.full_like(model.second.weight, 0.25)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    flags = [module.training for module in model.modules()]
    random = torch.get_rng_state()
    check_vae(model, SPEC, usual_loss, data_range=(0, 1))
    assert {name: torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items()} == dict.fromkeys(
        state, True
    )
    assert [module.training for module in model.modules()] == flags
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(model.second.weight.grad, torch.full_like(model.second.weight, 0.25))
    assert model.first.bias.grad is None
    assert not model.first.weight.requires_grad
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_check_vae_repeats_itself() -> None:
    module = module_of(find("VAE202").bad, "catalogue_bad_twice")
    torch.manual_seed(0)
    model = module.VAE()
    told = []
    for seed in (0, 0):
        torch.manual_seed(1000 + len(told))
        with pytest.raises(FindingsError) as caught:
            check_vae(model, module.INPUT, module.loss_function, data_range=module.DATA_RANGE, seed=seed)
        told.append(str(caught.value))
    assert told[0] == told[1]
    assert "noise-is-standard-normal" in told[0]


# ------------------------------------------------------------------------------------------------------ bad input


def test_what_cannot_be_run_is_refused_as_the_audit_refuses_it() -> None:
    class Raises(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("no luck today")

    with pytest.raises(ModelError, match="no luck today"):
        check_vae(Raises(), SPEC)
    with pytest.raises(UsageError, match=r"starts with the fixed size 3"):
        check_vae(Base(), "3 4 6", usual_loss)
    with pytest.raises(ModelError, match=r"give a torch\.nn\.Module"):
        check_vae(object(), SPEC)
