"""The mean of a sample, wherever it is confined, moved, cut or judged on its way from the encoder to z."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from small_vaes import spellings as zoo
from torch import Tensor, nn
from torch import distributions as D

from vae_checked.auditor import AuditReport, audit
from vae_checked.facts import Head, HeadSource, Parametrisation

Heads = tuple[Tensor, Tensor]


class Headed(zoo.Base):
    """A VAE with a function between its layers and its heads."""

    def __init__(self, heads: Callable[[Tensor, Tensor], Heads]) -> None:
        super().__init__()
        self.heads = heads

    def encode(self, x: Tensor) -> Heads:
        return self.heads(*super().encode(x))


def audited(model: nn.Module, loss: Callable[..., Tensor] | None = zoo.standard_loss) -> AuditReport:
    return audit(model, "B 3 8 12", loss, data_range=(0, 1))


def codes(report: AuditReport) -> list[str]:
    return [finding.code for finding in report.findings]


def made(build: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(3)
    return build()


CONFINED = {
    "clamp": (lambda mu, s: (mu.clamp(-1, 1), s), (-1, 1), "clamp"),
    "clamp_ in place": (lambda mu, s: (mu.clamp_(-1.5, 1.5), s), (-1.5, 1.5), "clamp"),
    "clamp of one side": (lambda mu, s: (mu.clamp(max=0.75), s), (-torch.inf, 0.75), "clamp"),
    "hardtanh": (lambda mu, s: (F.hardtanh(mu), s), (-1, 1), "hardtanh"),
    "a Hardtanh module": (lambda mu, s: (nn.Hardtanh(-1.25, 1.75)(mu), s), (-1.25, 1.75), "hardtanh"),
    "tanh": (lambda mu, s: (torch.tanh(mu), s), (-1, 1), "tanh"),
    "relu": (lambda mu, s: (F.relu(mu), s), (0, torch.inf), "relu"),
    "a ReLU module that bites nowhere": (lambda mu, s: (nn.ReLU()(mu + 9.0), s), (0, torch.inf), "relu"),
    "both heads": (lambda mu, s: (mu.clamp(-1, 1), s.clamp(-6, 4)), (-1, 1), "clamp"),
    "the output of one layer, parted": (
        lambda mu, s: ((parted := torch.cat([mu, s], 1).chunk(2, 1))[0].clamp(-1, 1), parted[1]),
        (-1, 1),
        "clamp",
    ),
}


@pytest.mark.parametrize("name", CONFINED)
def test_a_confined_mean_is_the_mean_and_named_as_confined(name: str) -> None:
    heads, (low, high), called = CONFINED[name]
    report = audited(made(lambda: Headed(heads)))
    assert codes(report) == ["VAE204"]
    assert str(report.findings[0].fix).startswith(f"take {called} away from ")
    (facts,) = report.facts
    assert facts.heads.mu is not None
    assert (facts.heads.mu.value.low, facts.heads.mu.value.high) == (low, high)
    assert facts.kl.form is not None
    assert facts.kl.form.value.parametrisation is Parametrisation.LOGVAR


FREE = {
    "a clamp far out": lambda mu, s: (mu.clamp(-30, 30), s),
    "a log variance that is clamped far out": lambda mu, s: (mu, s.clamp(-30, 20)),
    "scaled by a constant": lambda mu, s: (3.0 * mu, s),
    "the output of one layer, parted": lambda mu, s: torch.cat([mu, s], 1).chunk(2, 1),
    "the output of one layer, clamped far out": lambda mu, s: torch.cat([mu, s], 1).clamp(-25, 25).split(5, 1),
    "nothing": lambda mu, s: (nn.Identity()(mu), s),
    "a layer norm": lambda mu, s: (nn.LayerNorm(5)(mu), s),
}


@pytest.mark.parametrize("name", FREE)
def test_a_free_mean_is_found_however_it_is_made(name: str) -> None:
    report = audited(made(lambda: Headed(FREE[name])))
    assert codes(report) == []
    (facts,) = report.facts
    assert facts.kl.form is not None
    assert facts.kl.form.value.parametrisation is Parametrisation.LOGVAR
    assert facts.sampler.std is not None
    assert facts.sampler.std.value.parametrisation is Parametrisation.LOGVAR


class Inside(zoo.Base):
    """A VAE whose sampler confines the mean that it is given, and the loss does not."""

    def __init__(self, bound: float) -> None:
        super().__init__()
        self.bound = bound

    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return super().sample(mu.clamp(-self.bound, self.bound), logvar)


def test_a_mean_confined_inside_the_sampler_is_confined_beside_a_kl() -> None:
    report = audited(made(lambda: Inside(1.0)))
    assert codes(report) == ["VAE204"]
    assert report.facts[0].kl.in_loss is not None
    assert report.facts[0].kl.in_loss.value


def test_the_kl_of_a_mean_that_the_sampler_bends_is_not_called_clean() -> None:
    report = audited(made(lambda: Inside(1.0)))
    assert report.facts[0].kl.form is None
    assert "around another value" in report.facts[0].unobserved["kl.form"]


def test_a_clamp_far_out_inside_the_sampler_changes_nothing() -> None:
    report = audited(made(lambda: Inside(30.0)))
    assert codes(report) == []
    assert report.facts[0].kl.form is not None


class Doubled(zoo.Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return super().sample(2.0 * mu, logvar)


def test_the_kl_of_half_the_location_is_not_called_clean() -> None:
    report = audited(made(Doubled))
    assert codes(report) == []
    assert report.facts[0].kl.form is None
    assert "around another value" in report.facts[0].unobserved["kl.form"]


class ReturnedBefore(zoo.Base):
    """A VAE that returns its heads as they were before they are clamped, and judges them as they are after it."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encode(x)
        self.judged = mu.clamp(-1, 1), logvar.clamp(-5, 3)
        return self.decode(self.sample(*self.judged)), mu, logvar

    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return zoo.standard_loss(x_hat, x, *self.judged)


def test_heads_returned_before_a_clamp_but_judged_after_are_those_after() -> None:
    report = audited(made(ReturnedBefore), None)
    assert codes(report) == ["VAE204"]
    (facts,) = report.facts
    assert facts.heads.second is not None
    assert (facts.heads.second.value.low, facts.heads.second.value.high) == (-5, 3)
    assert facts.kl.form is not None
    assert facts.kl.form.value.parametrisation is Parametrisation.LOGVAR


class Summed(zoo.Base):
    """A VAE whose mean is the sum of two layers, drawn by `rsample` around the mean once that is clamped."""

    def __init__(self) -> None:
        super().__init__()
        self.skip = nn.Linear(zoo.PIXELS, zoo.LATENTS)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encode(x)
        mu = mu + self.skip(x.flatten(1))
        return self.decode(D.Normal(mu.clamp(-30, 30), torch.exp(0.5 * logvar)).rsample()), mu, logvar


def test_a_mean_that_several_layers_make_is_found_behind_a_clamp() -> None:
    report = audited(made(Summed))
    assert codes(report) == []
    assert report.facts[0].kl.form is not None
    assert report.facts[0].kl.form.value.parametrisation is Parametrisation.LOGVAR


def test_a_mean_that_is_cut_from_its_gradient_is_reached_by_none() -> None:
    report = audited(made(lambda: Headed(lambda mu, s: (mu.detach(), s))))
    assert report.facts[0].sampler.gradient_reaches is not None
    assert report.facts[0].sampler.gradient_reaches.value == {Head.SECOND}
    assert "VAE206" in codes(report)


class ZeroAtTheStart(zoo.Base):
    def __init__(self) -> None:
        super().__init__()
        for parameter in (*self.fc_mu.parameters(), *self.fc_logvar.parameters()):
            nn.init.zeros_(parameter)


def test_heads_that_are_zero_at_the_start_of_training_are_found() -> None:
    report = audited(made(ZeroAtTheStart))
    assert codes(report) == []
    assert report.facts[0].kl.form is not None
    assert report.facts[0].kl.form.value.parametrisation is Parametrisation.LOGVAR


def test_heads_equal_because_both_are_zero_are_not_duplicated() -> None:
    assert audited(made(ZeroAtTheStart)).facts[0].heads.source is None


class Shaped(zoo.Base):
    def encode(self, x: Tensor) -> Heads:
        mu, logvar = super().encode(x)
        return mu.unflatten(1, (1, -1)), logvar.unflatten(1, (1, -1))


def test_heads_in_the_shape_in_which_the_loss_takes_them_are_found() -> None:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return zoo.standard_loss(x_hat, x, mu.flatten(1), logvar.flatten(1))

    report = audited(made(Shaped), loss)
    assert codes(report) == []
    assert report.facts[0].kl.form is not None
    assert report.facts[0].kl.form.value.parametrisation is Parametrisation.LOGVAR


def test_one_layer_for_both_heads_is_called_duplicated() -> None:
    report = audited(made(lambda: Headed(lambda mu, s: (mu, mu.clone()))))
    assert report.facts[0].heads.source is not None
    assert report.facts[0].heads.source.value is HeadSource.DUPLICATED


def test_one_layer_whose_output_overflows_as_a_width_is_duplicated_too() -> None:
    class Rooted(zoo.Base):
        def encode(self, x: Tensor) -> Heads:
            mu, _ = super().encode(x)
            return mu, mu

        def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
            return mu + torch.sqrt(torch.exp(logvar)) * torch.randn_like(mu)

    assert "VAE205" in codes(audited(made(Rooted)))


class Twice(zoo.Base):
    """A VAE that computes its heads once for z, and once more for the loss."""

    def __init__(self, heads: Callable[[zoo.Base, Tensor], Heads]) -> None:
        super().__init__()
        self.both = nn.Linear(40, 2 * zoo.LATENTS)
        self.heads = heads

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = self.encoder(x)
        z = self.sample(*self.heads(self, h))
        return self.decode(z), *self.heads(self, h)


def _of_one_layer(model: Twice, h: Tensor) -> Heads:
    mu, logvar = model.both(h).chunk(2, 1)
    return mu, logvar


COMPUTED_TWICE = {
    "two layers": lambda model, h: (model.fc_mu(h), model.fc_logvar(h)),
    "one layer, parted": _of_one_layer,
    "one layer, sliced": lambda model, h: (model.both(h)[:, :5], model.both(h)[:, 5:]),
    "clamped far out": lambda model, h: (model.fc_mu(h).clamp(-30, 30), model.fc_logvar(h).clamp(-30, 20)),
    "halved and doubled in place": lambda model, h: (model.fc_mu(h).mul_(0.5).mul_(2.0), model.fc_logvar(h)),
}


@pytest.mark.parametrize("name", COMPUTED_TWICE)
def test_heads_computed_twice_are_the_same_heads(name: str) -> None:
    model = made(lambda: Twice(COMPUTED_TWICE[name]))
    report = audit(model, "B 3 8 12", zoo.standard_loss, data_range=(0, 1))
    assert set(codes(report)) <= {"VAE601"}, "the layers that this case does not use have no gradient"
    (facts,) = report.facts
    assert facts.sampler.gradient_reaches is not None
    assert facts.sampler.gradient_reaches.value == frozenset(Head)
    if "in place" in name:
        return  # what is written to is not told from its copy: nothing is accused, and nothing is known of the KL
    assert facts.kl.form is not None
    assert facts.kl.form.value.parametrisation is Parametrisation.LOGVAR


class PictureOnly(zoo.Base):
    """A VAE that returns nothing but its reconstruction, whose std is a function of its second layer."""

    def __init__(self, std: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Tensor) -> Tensor:
        mu, second = self.encode(x)
        std = self.std(second)
        return self.decode(mu + torch.randn_like(std) * std)


PICTURE_ONLY = {
    "log variance": (lambda s: torch.exp(0.5 * s), Parametrisation.LOGVAR, -torch.inf),
    "log variance, clamped": (lambda s: torch.exp(0.5 * s.clamp(-9, 3)), Parametrisation.LOGVAR, -9.0),
    "log std": (torch.exp, Parametrisation.LOG_STD, -torch.inf),
    "softplus": (F.softplus, Parametrisation.STD, 0.0),
}


@pytest.mark.parametrize("name", PICTURE_ONLY)
@pytest.mark.parametrize("loss", [None, lambda x_hat, x: F.mse_loss(x_hat, x, reduction="sum") / len(x)])
def test_a_second_head_that_nothing_judges_is_read_by_what_makes_std(
    name: str, loss: Callable[..., Tensor] | None
) -> None:
    std, parametrisation, low = PICTURE_ONLY[name]
    (facts,) = audited(made(lambda: PictureOnly(std)), loss).facts
    assert facts.sampler.std is not None
    assert facts.sampler.std.value.parametrisation is parametrisation
    assert facts.heads.second is not None
    assert facts.heads.second.value.low == low


def test_a_kl_whose_gradient_half_precision_rounds_away_is_the_kl() -> None:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        recon = F.mse_loss(x_hat, x, reduction="none").flatten(1).sum(1).mean()
        return recon + 1e-6 * 0.5 * (mu.pow(2) + logvar.exp() - 1 - logvar).sum(1).mean()

    (facts,) = audited(made(zoo.Base).half(), loss).facts
    assert facts.kl.form is not None
    assert facts.kl.form.value.parametrisation is Parametrisation.LOGVAR
