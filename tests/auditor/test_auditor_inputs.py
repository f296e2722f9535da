"""What audit refuses, in one clear line, and the inputs it takes or finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from small_vaes import spellings as zoo
from torch import Tensor, nn

from vae_checked.auditor import audit
from vae_checked.errors import ModelError, UsageError, VaeCheckedError

LOSS = zoo.standard_loss


class Returns(nn.Module):
    """A forward that returns whatever it was built with."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output

    def forward(self, x: Tensor) -> Any:
        return self.output


class Raises(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise KeyError("no such key")


class NoForward(nn.Module):
    pass


class OfLatents(nn.Module):
    """Its forward decodes; another method takes the data."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(11, 6), nn.Linear(3, 11)

    def forward(self, z: Tensor) -> Tensor:
        return self.decoder(z)

    def encode(self, x: Tensor) -> Any:
        return self.encoder(x).chunk(2, 1)

    def reconstructed(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        return self(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar

    def between(self, x: Tensor, other: Tensor) -> Any:
        return self.encode(x)[0] - self.encode(other)[0]


class Flat(zoo.Base):
    """Takes and gives rows of features."""

    def decode(self, z: Tensor) -> Tensor:
        return super().decode(z).flatten(1)


def image_loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return LOSS(x_hat.view(-1, *zoo.INPUT), x.view(-1, 2, *zoo.INPUT), mu, logvar)


def three(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return a + b + c


def broken(x_hat: Tensor, x: Tensor) -> Tensor:
    raise ValueError("cannot go on")


def keyed(x_hat: Tensor, x: Tensor, *, temperature: float) -> Tensor:
    return x_hat * temperature


REFUSED: dict[str, tuple[type[VaeCheckedError], Callable[[], Any], tuple[str, ...]]] = {
    "no module": (ModelError, lambda: audit("VAE", "B 3"), ("model is a str", "torch.nn.Module")),  # type: ignore[arg-type]
    "raises": (ModelError, lambda: audit(Raises(), "B 3"), ("Raises raised KeyError", "no such key", "x (7, 3)")),
    "no forward": (ModelError, lambda: audit(NoForward(), "B 3"), ("NoForward raised NotImplementedError",)),
    "nothing": (ModelError, lambda: audit(Returns(None), "B 3"), ("returned nothing", "adapter=")),
    "a string": (ModelError, lambda: audit(Returns("x"), "B 3"), ("returned a str, which holds no tensor",)),
    "no VAE": (ModelError, lambda: audit(nn.Linear(10, 2), "B 10"), ("nothing of a VAE", "output (7, 2)", "loss=")),
    "braces": (
        ModelError,
        lambda: audit(zoo.Base(), "{x: B 3 8 12}", LOSS),
        ("its arguments x by their names and no",),
    ),
    "wrong size": (ModelError, lambda: audit(zoo.Base(), "B 3 8 13", LOSS), ("7x312 and 288x40", "x (7, 3, 8, 13)")),
    "lazy": (ModelError, lambda: audit(nn.LazyLinear(3), "B 4"), ("weight has no size yet", "once on a batch")),
    "meta": (ModelError, lambda: audit(zoo.Base().to("meta"), "B 3 8 12"), ("is on the meta device", "on cpu")),
    "no batch": (
        UsageError,
        lambda: audit(zoo.Base(), "3 8 12", LOSS),
        ("starts with the fixed size 3", "forward= a method that takes a batch first"),
    ),
    "a decoder": (
        ModelError,
        lambda: audit(OfLatents(), "B 11"),
        ("7x11 and 3x11", "forward= the method that takes the data and returns the reconstruction (reconstructed)"),
    ),
    "no axis": (UsageError, lambda: audit(zoo.Base(), " ", LOSS), ("names no axes", "'B 3 64 64'")),
    "a kind of number": (
        UsageError,
        lambda: audit(zoo.Base(), "x: B 3 8 12, y: int B", LOSS),
        ("'int' is a kind of number and no axis", "write 'int<10> B'"),
    ),
    "an empty count": (UsageError, lambda: audit(zoo.Base(), "x: B 3 8 12, y: int<0> B", LOSS), ("'int<0>'",)),
    "no number": (UsageError, lambda: audit(zoo.Base(), "B 3 8-12", LOSS), ("'8-12' is neither a size nor a letter",)),
    "size 0": (UsageError, lambda: audit(zoo.Base(), "B 0 8", LOSS), ("an axis of size 0",)),
    "bad name": (UsageError, lambda: audit(zoo.Base(), "2x: B 3", LOSS), ("'2x' is no name of an argument",)),
    "one name twice": (UsageError, lambda: audit(zoo.Base(), "x: B 3, x: B 4", LOSS), ("names one input twice",)),
    "a number": (UsageError, lambda: audit(zoo.Base(), 3, LOSS), ("inputs is a int", "'B 3 64 64'")),
    "range": (UsageError, lambda: audit(zoo.Base(), "B 3 8 12", LOSS, data_range=(1, 0)), ("(1, 0)", "lower end")),
    "adapter": (UsageError, lambda: audit(zoo.Base(), "B 3 8 12", adapter="x"), ("no adapter 'x'", "pythae")),
    "method": (UsageError, lambda: audit(zoo.Caching(), "B 3 8 12", "lost"), ("'lost' is no method", "it has loss")),
    "no loss": (UsageError, lambda: audit(zoo.Base(), "B 3 8 12", 3), ("loss is a int",)),
    "unmatched": (
        ModelError,
        lambda: audit(zoo.Base(), "B 3 8 12", three),
        ("three(a, b, c) cannot be matched", "output[0] (x_hat), output[1] (mu), output[2] (head for std)", "lambda"),
    ),
    "loss raises": (
        ModelError,
        lambda: audit(zoo.Base(), "B 3 8 12", broken),
        ("broken raised ValueError: cannot go on", "x_hat = output[0], x = the input"),
    ),
    "loss of nothing": (
        ModelError,
        lambda: audit(zoo.Base(), "B 3 8 12", lambda x_hat, x: None),
        ("returned nothing, which holds no tensor",),
    ),
    "keyword": (
        ModelError,
        lambda: audit(zoo.Base(), "B 3 8 12", keyed),
        ("nothing is known for temperature", "temperature=...", "bind="),
    ),
    "guess": (ModelError, lambda: audit(Flat(), loss=image_loss), ("'B 288'", "give inputs= where that is wrong")),
    "no guess": (ModelError, lambda: audit(Returns(None)), ("no input is known", "'B 3 64 64'")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_audited_is_refused_in_one_line(case: str) -> None:
    kind, run, words = REFUSED[case]
    with pytest.raises(kind) as caught:
        run()
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


# --------------------------------------------------------------------------------------------- what it takes


class Named(zoo.Base):
    """Takes its inputs by name."""

    def forward(self, x: Tensor, *, mask: Tensor) -> Any:
        return super().forward(x * mask)


class FromDict(zoo.Base):
    """Takes one dictionary."""

    def forward(self, batch: dict[str, Tensor]) -> Any:
        return super().forward(batch["image"])


def sizes(report: Any) -> tuple[str, str]:
    shape = report.facts[0].output.shape
    assert shape is not None
    return shape.value.input, shape.value.output


def test_inputs_may_be_tensors_tuples_dictionaries_or_specifications() -> None:
    image, mask = torch.rand(6, 3, 8, 12), torch.ones(6, 1, 1, 1)
    for model, inputs in (
        (zoo.Base(), image),
        (zoo.Conditional(), (image, torch.randint(0, 6, (6,)))),
        (FromDict(), {"image": image}),
        (Named(), "B 3 8 12, mask: B 1 1 1"),
        (Named(), "x: B 3 8 12, mask: B 1 1 1"),
    ):
        report = audit(model, inputs, LOSS)
        assert sizes(report) == ("B 3 8 12", "B 3 8 12")
        assert report.facts[0].sampler.std is not None
    assert mask.shape == (6, 1, 1, 1)


def test_letters_of_a_specification_are_sizes_of_their_own() -> None:
    class Free(zoo.Spatial):
        def forward(self, x: Tensor) -> Any:
            assert len({*x.shape}) == 4, "B, C, H and W are all different"
            return super().forward(x[..., : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2])

    report = audit(Free(), "B 3 H W")
    assert report.facts[0].sampler.std is not None


def test_the_batch_size_is_none_of_the_other_sizes() -> None:
    class Seven(zoo.Base):
        def __init__(self) -> None:
            super().__init__()
            self.fc_mu, self.fc_logvar = nn.Linear(40, 7), nn.Linear(40, 7)
            self.decoder = nn.Sequential(nn.Linear(7, zoo.PIXELS))

    report = audit(Seven(), "B 3 8 12", LOSS, data_range=(0, 1))
    assert [finding.code for finding in report.findings] == []
    shown = [line for line in report.recognised if ": latent z, shape (" in line]
    assert shown
    assert "shape (7, 7)" not in shown[0], "a batch as large as the latent was given up"
    assert report.facts[0].kl.reduced is not None


def test_without_inputs_the_first_layer_or_the_model_tells_them() -> None:
    report = audit(zoo.Spatial(), loss=zoo.spatial_loss)
    reason = "input 'B 3 64 64': encoder.0 takes 3 channels, and forward runs on it"
    assert any(reason in line for line in report.recognised)
    model = zoo.Base()
    model.example_input_array = torch.rand(4, 3, 8, 12)
    report = audit(model, loss=LOSS)
    assert any("example_input_array" in line for line in report.recognised)


def test_a_row_of_features_takes_the_shape_of_the_output_that_has_as_many() -> None:
    size = zoo.Base().encoder[1].in_features
    shape = " ".join(map(str, zoo.INPUT))
    for model, spec in ((zoo.Base(), f"'B {shape}'"), (Flat(), f"'B {size}'")):
        assert any(f"input {spec}: encoder.1 takes {size} features" in line for line in audit(model).recognised)


def test_the_interval_of_given_data_is_observed_of_drawn_data_not() -> None:
    drawn = audit(zoo.Base(), "B 3 8 12", LOSS)
    assert drawn.facts[0].data.interval is None
    assert "data_range=(low, high) settles it" in drawn.facts[0].unobserved["data.interval"]
    for data, interval in (
        (torch.rand(6, 3, 8, 12), (0.0, 1.0)),
        (torch.rand(6, 3, 8, 12) * 2 - 1, (-1.0, 1.0)),
        (torch.rand(6, 3, 8, 12) * 255, (0.0, 255.0)),
    ):
        found = audit(zoo.Base(), data, LOSS).facts[0].data.interval
        assert found is not None
        assert (found.value.low, found.value.high) == interval


def test_a_single_sample_leaves_the_batch_undecided() -> None:
    report = audit(zoo.Base(), torch.rand(1, 3, 8, 12), LOSS)
    assert report.facts[0].kl.reduced is None
    assert "batch" in report.facts[0].unobserved["kl.reduced"]
    assert [finding.code for finding in report.findings] == []


def test_a_loss_beside_the_model_that_does_not_fit_is_passed_over() -> None:
    class Misfit(zoo.Base):
        def loss(self, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
            return a + b + c

    report = audit(Misfit(), "B 3 8 12")
    assert any("loss(a, b, c) cannot be matched" in line for line in report.unobserved)
    assert report.facts[0].sampler.std is not None


def test_a_report_prints_itself_in_a_terminal_and_in_a_notebook() -> None:
    report = audit(zoo.Base(), "B 3 8 12", LOSS, name="mine")
    assert report.summary in str(report).splitlines()
    piece = report._repr_html_()
    assert piece.startswith('<div class="vae-checked"><style>')
    assert "mine" in piece
    assert repr(report) == f"<AuditReport of mine: {report.summary}>"


def test_the_name_is_the_subject_of_every_line() -> None:
    report = audit(zoo.Base(), "B 3 8 12", LOSS, name="mine")
    assert report.facts[0].subject == "mine"
    assert all(line.startswith("mine: ") for line in (*report.recognised, *report.unobserved))


def spoilt(x: Tensor, number: float) -> Tensor:
    x = x.clone()
    x[1, 0, 2, 3] = number
    return x


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_given_inputs_that_are_no_numbers_are_named(number: float) -> None:
    x = spoilt(torch.rand(6, 3, 8, 12), number)
    report = audit(zoo.Base(), x, LOSS)
    assert "Base: x, as given, holds NaN or infinity (1 of 1728 numbers)" in report.unobserved
    assert report.findings == ()


def test_given_inputs_without_any_number_are_named() -> None:
    report = audit(zoo.Base(), torch.full((6, 3, 8, 12), float("nan")), LOSS)
    assert "Base: x, as given, holds NaN or infinity (1728 of 1728 numbers)" in report.unobserved
    assert report.facts[0].data.interval is None


def test_the_interval_of_given_inputs_is_that_of_their_numbers() -> None:
    class Masked(zoo.Base):
        def forward(self, x: Tensor) -> Any:
            return super().forward(x.nan_to_num())

    x = spoilt(torch.rand(6, 3, 8, 12), float("nan"))
    report = audit(Masked(), x, lambda x_hat, x, mu, logvar: LOSS(x_hat, x.nan_to_num(), mu, logvar))
    assert report.facts[0].data.interval is not None
    assert (report.facts[0].data.interval.value.low, report.facts[0].data.interval.value.high) == (0.0, 1.0)
    assert report.facts[0].sampler.std is not None


def test_a_parameter_that_is_no_number_is_named() -> None:
    model = zoo.Base()
    model.fc_mu.weight.data[0, 0] = float("nan")
    report = audit(model, "B 3 8 12", LOSS)
    assert "Base: fc_mu.weight holds NaN or infinity (1 of 200 numbers)" in report.unobserved
