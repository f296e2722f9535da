"""Decoder, layout and training: what comes out and how, which samples mix, what gets no gradient, what overflows."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from small_vaes import spellings as zoo
from torch import Tensor, nn

from vae_checked.auditor import audit
from vae_checked.facts import Facts
from vae_checked.layout_facts import AxisOrder


def facts_of(model: nn.Module, spec: str = "B 3 8 12", loss: Any = zoo.standard_loss) -> Facts:
    return audit(model, spec, loss, data_range=(0, 1)).facts[0]


# --------------------------------------------------------------------------------------------- output


class Closing(zoo.Base):
    """A decoder that ends in a function."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def decode(self, z: Tensor) -> Tensor:
        out: Tensor = self.function(self.decoder(z)).view(-1, *zoo.INPUT)
        return out


CLOSINGS: dict[str, tuple[Any, str, tuple[str, ...]]] = {
    "linear": (lambda h: h, "(-inf, inf)", ()),
    "sigmoid": (torch.sigmoid, "(0, 1)", ("sigmoid",)),
    "tanh, shifted": (lambda h: (h.tanh() + 1) / 2, "(0, 1)", ("tanh",)),
    "relu then sigmoid": (lambda h: F.relu(h, inplace=True).sigmoid(), "[0.5, 1)", ("relu", "sigmoid")),
    "sigmoid twice": (lambda h: h.sigmoid().sigmoid(), "(0.5, 0.7311)", ("sigmoid", "sigmoid")),
    "softmax": (lambda h: h.softmax(1), "[0, 1]", ("softmax",)),
    "hardtanh": (F.hardtanh, "[-1, 1]", ("hardtanh",)),
}


@pytest.mark.parametrize("name", CLOSINGS)
def test_the_outputs_interval_and_activations(name: str) -> None:
    function, interval, activations = CLOSINGS[name]
    output = facts_of(Closing(function)).output
    assert output.interval is not None
    assert str(output.interval.value) == interval
    assert output.activations is not None
    assert output.activations.value == activations


def test_an_activation_inside_the_loss_counts_where_the_error_is_taken() -> None:
    def loss(logits: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return zoo.standard_loss(torch.sigmoid(logits), x, mu, logvar)

    report = audit(Closing(lambda h: h), "B 3 8 12", loss)
    output = report.facts[0].output
    assert output.interval is not None
    assert str(output.interval.value) == "(0, 1)"
    assert output.activations is not None
    assert output.activations.value == ("sigmoid",)


def test_a_reconstructions_shape_is_told_as_a_specification() -> None:
    class Smaller(zoo.Base):
        def decode(self, z: Tensor) -> Tensor:
            return super().decode(z)[..., :-1]

    shape = facts_of(Smaller(), loss=lambda x_hat, x, mu, logvar: (x_hat - x[..., :1]).square().sum()).output.shape
    assert shape is not None
    assert (shape.value.input, shape.value.output) == ("B 3 8 12", "B 3 8 11")


@pytest.mark.parametrize(("cut", "told"), [(lambda h: h[..., :-1], "B 3 8 11"), (lambda h: h.mean(1)[..., :-1], None)])
def test_without_a_loss_another_rank_may_be_of_something_else(cut: Any, told: str | None) -> None:
    class Declared(zoo.Base):
        def forward(self, x: Tensor) -> Any:
            mu, logvar = self.encode(x)
            return {"x_hat": cut(self.decode(self.sample(mu, logvar))), "mu": mu, "logvar": logvar}

    shape = facts_of(Declared(), loss=None).output.shape
    assert (None if shape is None else shape.value.output) == told


# ------------------------------------------------------------------------------------------- batch mixing


class Mixed(zoo.Base):
    def __init__(self, mix: Any) -> None:
        super().__init__()
        self.mix = mix

    def decode(self, z: Tensor) -> Tensor:
        return super().decode(self.mix(z))


@pytest.mark.parametrize(
    ("mix", "mixes"),
    [
        (lambda z: z, False),
        (lambda z: z + z.mean(0, keepdim=True), True),
        (lambda z: z.t().reshape(z.shape), True),
        (lambda z: (z @ z.t()).softmax(1) @ z, True),
        (lambda z: z.flip(0), True),
        (lambda z: F.layer_norm(z, z.shape[1:]), False),
    ],
    ids=["no", "mean", "view of the transposed", "attention", "another's sample", "layer norm"],
)
def test_a_sample_that_moves_anothers_output_is_found(mix: Any, mixes: bool) -> None:
    mixing = facts_of(Mixed(mix)).output.batch_mixing
    assert mixing is not None
    assert (mixing.value is not None) is mixes


def test_batch_norm_mixes_in_training_and_is_told_apart() -> None:
    mixing = facts_of(zoo.Regularised()).output.batch_mixing
    assert mixing is not None
    assert mixing.value is None


# ------------------------------------------------------------------------------------------------- layout


class Laid(zoo.Spatial):
    def __init__(self, arrange: Any) -> None:
        super().__init__()
        self.arrange = arrange

    def forward(self, x: Tensor) -> Any:
        return super().forward(self.arrange(x))


LAYOUTS: dict[str, tuple[str, Any, AxisOrder | None]] = {
    "as given": ("B 3 8 12", lambda x: x, AxisOrder.NCHW),
    "normalised": ("B 3 8 12", lambda x: (x - 0.5) / 0.5, AxisOrder.NCHW),
    "channels last, permuted": ("B 8 12 3", lambda x: x.permute(0, 3, 1, 2), AxisOrder.NCHW),
    "channels last, twice transposed": ("B 8 12 3", lambda x: x.transpose(1, 3).transpose(2, 3), AxisOrder.NCHW),
    "channels last, viewed": ("B 8 12 3", lambda x: x.reshape(-1, 3, 8, 12), AxisOrder.SCRAMBLED),
    "channels first, permuted and viewed": (
        "B 3 8 12",
        lambda x: x.permute(0, 2, 3, 1).reshape(-1, 3, 8, 12),
        AxisOrder.SCRAMBLED,
    ),
    "channels first, viewed and permuted": (
        "B 3 8 12",
        lambda x: x.reshape(-1, 8, 12, 3).permute(0, 3, 1, 2),
        AxisOrder.SCRAMBLED,
    ),
    "mirrored": ("B 3 8 12", lambda x: x.flip(3), None),
    "shifted": ("B 3 8 12", lambda x: x.roll((2, 3), (2, 3)), None),
    "height and width exchanged": ("B 3 8 12", lambda x: x.transpose(2, 3), AxisOrder.NCWH_OF_NCHW),
    "channels last, transposed": ("B 8 12 3", lambda x: x.transpose(1, 3), AxisOrder.NCWH),
    "averaged": ("B 3 16 24", lambda x: F.avg_pool2d(x, 2), None),
}


class Moving(nn.Module):
    """A VAE of videos whose first convolution sees only what came before; on sounds where time is the only axis."""

    def __init__(self, arrange: Any, axes: int) -> None:
        super().__init__()
        convolution = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[axes]
        self.arrange = arrange
        self.padding = (1, 1) * (axes - 1) + (2, 0)
        self.encoder = convolution(3, 4, 3)
        self.decoder = convolution(2, 3, 1)

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encoder(F.pad(self.arrange(x), self.padding)).chunk(2, 1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.decoder(z), mu, logvar


@pytest.mark.parametrize(
    ("spec", "arrange", "order"),
    [
        ("B 3 5 8 12", lambda x: x.reshape(-1, 5, 8, 12, 3).movedim(-1, 1), AxisOrder.SCRAMBLED),
        ("B 3 5 8 12", lambda x: x.transpose(1, 2).reshape(x.shape), AxisOrder.SCRAMBLED),
        ("B 3 5 8 12", lambda x: x, None),
        ("B 3 5 8 12", lambda x: x.flip(2), None),
        ("B 3 22", lambda x: x.reshape(-1, 22, 3).transpose(1, 2), AxisOrder.SCRAMBLED),
        ("B 3 22", lambda x: x, None),
        ("B 3 8 12", lambda x: x.reshape(-1, 8, 12, 3).movedim(-1, 1), AxisOrder.SCRAMBLED),
        ("B 3 8 12", lambda x: x, AxisOrder.NCHW),
    ],
)
def test_the_order_of_the_axes_of_videos_and_sounds(spec: str, arrange: Any, order: AxisOrder | None) -> None:
    found = audit(Moving(arrange, len(spec.split()) - 2), spec).facts[0].data.axis_order
    assert (None if found is None else found.value) is order


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_order_in_which_the_axes_reach_the_first_convolution(name: str) -> None:
    spec, arrange, order = LAYOUTS[name]
    found = audit(Laid(arrange), spec).facts[0].data.axis_order
    assert (None if found is None else found.value) is order


# ------------------------------------------------------------------------------------------------ training


def test_parameters_without_gradient_are_named_and_frozen_ones_are_not() -> None:
    class Spare(zoo.Base):
        def __init__(self) -> None:
            super().__init__()
            self.unused = nn.Linear(3, 2)
            self.frozen = nn.Linear(3, 2).requires_grad_(False)

    without = facts_of(Spare()).training.without_gradient
    assert without is not None
    assert without.value == ("unused.weight", "unused.bias")
    clean = facts_of(zoo.Base()).training.without_gradient
    assert clean is not None
    assert clean.value == ()


def test_a_nan_that_is_replaced_on_the_way_to_the_loss_is_found() -> None:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return torch.nan_to_num(zoo.standard_loss(x_hat, x, mu, logvar))

    hidden = facts_of(zoo.Base(), loss=loss).training.hidden_nan
    assert hidden is not None
    assert hidden.value is not None
    shown = facts_of(zoo.Base()).training.hidden_nan
    assert shown is not None
    assert shown.value is None


class Half(zoo.Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        std = torch.exp(0.5 * logvar.half()).float()
        return mu + std * torch.randn_like(std)


class Capped(zoo.Base):
    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = super().encode(x)
        return mu, logvar.clamp(-6.0, 4.0)


def test_the_value_at_which_the_second_head_overflows() -> None:
    # The sum of 35 exp(s) leaves float32 at ln(3.4e38 / 35) = 85.2, up to what else is in it; exp(s / 2) float16 at
    # 2 ln(65504) = 22.2.
    for model, at, dtype in ((zoo.Base(), 85.2, "float32"), (Half(), 22.2, "float16")):
        overflow = facts_of(model).heads.overflow
        assert overflow is not None
        assert overflow.value.at == pytest.approx(at, rel=0.01)
        assert overflow.value.dtype == dtype
    capped = facts_of(Capped()).heads.overflow
    assert capped is not None
    assert capped.value.at == math.inf


def test_the_kl_overflows_where_no_prediction_meets_the_data() -> None:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return (x_hat.square().mean((1, 2, 3)) - 0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(1)).mean()

    facts = facts_of(zoo.Base(), loss=loss)
    assert facts.recon.kind is None
    assert facts.heads.overflow is not None
    assert facts.heads.overflow.value.at == pytest.approx(85.2, rel=0.02)


def test_the_heads_intervals_are_read_from_what_makes_them() -> None:
    heads = facts_of(Capped()).heads
    assert heads.mu is not None
    assert heads.second is not None
    assert (str(heads.mu.value), str(heads.second.value)) == ("(-inf, inf)", "[-6, 4]")


# ------------------------------------------------------------------------------------- conditions of the decoder


class Conditioned(zoo.Base):
    """Takes labels; `beside` says where they go."""

    def __init__(self, beside: str) -> None:
        super().__init__()
        self.beside = beside
        self.fc_mu, self.fc_logvar = nn.Linear(40 + 9, zoo.LATENTS), nn.Linear(40 + 9, zoo.LATENTS)
        self.decoder = nn.Sequential(nn.Linear(zoo.LATENTS + 9, zoo.PIXELS))

    def forward(self, x: Tensor, y: Tensor) -> Any:
        given = nn.functional.one_hot(y, 9).to(x.dtype)
        nothing = torch.zeros_like(given)
        h = torch.cat([self.encoder(x), given if "encoder" in self.beside else nothing], 1)
        mu, logvar = self.fc_mu(h), self.fc_logvar(h)
        z = torch.cat([self.sample(mu, logvar), given if "decoder" in self.beside else nothing], 1)
        return self.decode(z), mu, logvar


class Masked(zoo.Base):
    def forward(self, x: Tensor, mask: Tensor) -> Any:
        return super().forward(x * mask)


CONDITIONS: dict[str, tuple[tuple[str, ...] | None, list[str]]] = {
    "encoder and decoder": ((), []),
    "decoder": ((), []),
    "encoder": (("y",), ["VAE801"]),
    "neither": (None, []),
}


@pytest.mark.parametrize("beside", CONDITIONS)
def test_a_condition_that_the_decoder_does_not_take_is_named(beside: str) -> None:
    ignored, expected = CONDITIONS[beside]
    report = audit(Conditioned(beside), "x: B 3 8 12, y: int<9> B", zoo.standard_loss, data_range=(0, 1))
    found = report.facts[0].objective.ignored_conditions
    assert (None if found is None else found.value) == ignored
    assert [finding.code for finding in report.findings] == expected


def test_a_mask_and_a_condition_of_the_prior_are_not_ignored() -> None:
    def with_prior(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, y: Tensor) -> Tensor:
        return zoo.standard_loss(x_hat, x, mu - y.to(mu.dtype).unsqueeze(1), logvar)

    masked = audit(Masked(), "x: B 3 8 12, mask: B 1 1 1", zoo.standard_loss, data_range=(0, 1))
    prior = audit(Conditioned("encoder"), "x: B 3 8 12, y: int<9> B", with_prior, data_range=(0, 1))
    assert [finding.code for report in (masked, prior) for finding in report.findings] == []
    assert masked.facts[0].objective.ignored_conditions is not None
    assert masked.facts[0].objective.ignored_conditions.value == ()


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_a_part_of_the_data_may_be_what_is_reconstructed() -> None:
    class Ahead(zoo.Base):
        def decode(self, z: Tensor) -> Tensor:
            return super().decode(z)[..., :5]

    def with_part(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return zoo.standard_loss(x_hat, x[..., 7:], mu, logvar)

    def broadcast(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return zoo.standard_loss(x_hat[..., :1], x, mu, logvar)

    report = audit(Ahead(), "B 3 8 12", with_part)
    shape = report.facts[0].output.shape
    assert shape is not None
    assert (shape.value.input, shape.value.output) == ("B 3 8 5", "B 3 8 5")
    assert "VAE105" not in {finding.code for finding in report.findings}
    assert "VAE105" in {finding.code for finding in audit(Ahead(), "B 3 8 12", broadcast).findings}


class Steps(nn.Module):
    """A recurrent VAE over the first axis of (T, B, 4), or over the second of (B, T, 4)."""

    def __init__(self, batch_first: bool) -> None:
        super().__init__()
        torch.manual_seed(6)
        self.encoder = nn.GRU(4, 10, batch_first=batch_first)
        self.decoder = nn.GRU(5, 4, batch_first=batch_first)

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encoder(x)[0].chunk(2, dim=-1)
        return self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu))[0], mu, logvar

    def loss_function(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar)
        return (F.mse_loss(x_hat, x, reduction="sum") + kl.sum()) / x.shape[1]


@pytest.mark.parametrize(
    ("batch_first", "inputs", "found"),
    [
        (False, "B 7 4", True),
        (True, "B 7 4", False),
        (False, torch.linspace(-1, 1, 11 * 7 * 4).sin().view(11, 7, 4), False),
    ],
)
def test_time_in_the_first_axis_is_no_mixing_where_it_may_be_meant(batch_first: bool, inputs: Any, found: bool) -> None:
    report = audit(Steps(batch_first), inputs)
    fixes = [finding.fix for finding in report.findings if finding.code == "VAE106"]
    assert [fix.startswith("batch_first=True there") for fix in fixes] == [True] * found
    asked = any("batch_first=False" in line for line in report.unobserved)
    assert asked == (not batch_first and not found)
    assert ("VAE106" in report.judgements[0].clean) == batch_first


class Tokens(nn.Module):
    """Reads the classes of each place as channels, and gives them back as rows; `turned` puts them back."""

    def __init__(self, turned: bool) -> None:
        super().__init__()
        self.turned = turned
        self.encoder, self.decoder = nn.Conv1d(7, 8, 11), nn.Linear(4, 7)

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encoder(x).squeeze(2).chunk(2, 1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        made = self.decoder(z.unsqueeze(1).expand(-1, 11, -1))
        return made.transpose(1, 2) if self.turned else made, mu, logvar


def test_a_reconstruction_in_another_order_of_axes_is_open_without_a_loss() -> None:
    report = audit(Tokens(turned=False), "B 7 11")
    assert report.findings == ()
    assert "VAE105" not in report.judgements[0].clean
    assert "training may turn the data" in report.facts[0].unobserved["output.shape"]
    assert "VAE105" in audit(Tokens(turned=True), "B 7 11").judgements[0].clean


class ClassesFirst(nn.Module):
    """Takes classes as channels and gives rows of classes, with noise or without."""

    def __init__(self, noisy: bool, classes: int = 5) -> None:
        super().__init__()
        self.noisy, self.classes = noisy, classes
        self.encoder, self.heads = nn.Conv1d(5, 6, 3, padding=1), nn.Linear(48, 6)
        self.decoder = nn.Linear(3, 8 * classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.heads(self.encoder(x).flatten(1)).chunk(2, 1)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp() if self.noisy else mu
        return self.decoder(z).view(-1, 8, self.classes), mu, logvar


def turning_loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    error = (x_hat - x.transpose(1, 2)).pow(2).flatten(1).sum(1).mean()
    return error - 0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()


@pytest.mark.parametrize("noisy", [True, False])
def test_data_that_the_loss_turns_are_its_target(noisy: bool) -> None:
    facts = facts_of(ClassesFirst(noisy), "B 5 8", turning_loss)
    assert facts.recon.kind is not None
    assert facts.output.shape is not None
    assert facts.output.shape.value.input == facts.output.shape.value.output == "B 8 5"


@pytest.mark.parametrize("noisy", [True, False])
def test_one_class_compared_with_all_of_turned_data_is_named(noisy: bool) -> None:
    report = audit(ClassesFirst(noisy, classes=1), "B 5 8", turning_loss)
    assert "VAE105" in [finding.code for finding in report.findings]
