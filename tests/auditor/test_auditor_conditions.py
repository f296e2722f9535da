"""What an audit makes of inputs that nobody described in full: labels, a batch elsewhere, sizes that are guessed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_checked.auditor import AuditReport, audit
from vae_checked.errors import ModelError
from vae_checked.facts import Reduction

FEATURES, LATENTS, CLASSES = 42, 6, 9


def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1)
    return ((x_hat - x).pow(2).sum(1) + kl).mean()


def codes(report: AuditReport) -> list[str]:
    return [finding.code for finding in report.findings]


class Conditional(nn.Module):
    """A conditional VAE; `given` makes of its label what is put beside the data and z."""

    def __init__(self, given: nn.Module | Callable[[Tensor], Tensor], width: int) -> None:
        super().__init__()
        self.given = given
        self.encoder = nn.Sequential(nn.Linear(FEATURES + width, 32), nn.ReLU())
        self.fc_mu, self.fc_logvar = nn.Linear(32, LATENTS), nn.Linear(32, LATENTS)
        self.decoder = nn.Linear(LATENTS + width, FEATURES)

    def forward(self, x: Tensor, label: Tensor) -> Any:
        given = self.given(label)
        h = self.encoder(torch.cat([x, given], 1))
        mu, logvar = self.fc_mu(h), self.fc_logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.decoder(torch.cat([z, given], 1)), mu, logvar


def one_hot(label: Tensor) -> Tensor:
    return F.one_hot(label, CLASSES).float()


LABELS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "embedded": (lambda: Conditional(nn.Embedding(CLASSES, 5), 5), f"label: int<{CLASSES}> B"),
    "one-hot within": (lambda: Conditional(one_hot, CLASSES), f"label: int<{CLASSES}> B"),
    "one-hot already": (lambda: Conditional(nn.Identity(), CLASSES), f"label: B {CLASSES}"),
}


@pytest.mark.parametrize("spec", [f"B {FEATURES}", None])
@pytest.mark.parametrize("name", LABELS)
def test_labels_that_nobody_described_are_drawn(name: str, spec: str | None) -> None:
    model, label = LABELS[name]
    report = audit(model(), spec, loss)
    assert codes(report) == []
    assert any(f"input 'x: B {FEATURES}, {label}': forward takes label as well" in line for line in report.recognised)
    assert "VAE801" in report.judgements[0].clean


class Digit(Conditional):
    """Its class is called by a name that says nothing; `seen` by the decoder or not."""

    seen = True

    def forward(self, x: Tensor, digit: Tensor) -> Any:
        given = self.given(digit)
        h = self.encoder(torch.cat([x, given], 1))
        mu, logvar = self.fc_mu(h), self.fc_logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.decoder(torch.cat([z, given if self.seen else torch.zeros_like(given)], 1)), mu, logvar


def test_what_the_encoder_alone_takes_is_open_under_another_name() -> None:
    spec = f"x: B {FEATURES}, digit: int<{CLASSES}> B"
    assert "VAE801" in audit(Digit(one_hot, CLASSES), spec, loss).judgements[0].clean
    unseen = Digit(one_hot, CLASSES)
    unseen.seen = False
    report = audit(unseen, spec, loss)
    assert codes(report) == []
    assert "VAE801" not in report.judgements[0].clean


def test_what_is_no_label_by_its_name_is_not_guessed() -> None:
    class Masked(Conditional):
        def forward(self, x: Tensor, mask: Tensor) -> Any:
            return super().forward(x, mask)

    with pytest.raises(ModelError, match="missing 1 required positional argument: 'mask'"):
        audit(Masked(one_hot, CLASSES), f"B {FEATURES}", loss)


class TimeFirst(nn.Module):
    """A recurrent VAE whose data have the time in front."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.GRU(5, 16), nn.GRU(5, 16)
        self.fc_mu, self.fc_logvar, self.first = nn.Linear(16, LATENTS), nn.Linear(16, LATENTS), nn.Linear(LATENTS, 16)
        self.out = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Any:
        _, h = self.encoder(x)
        mu, logvar = self.fc_mu(h[0]), self.fc_logvar(h[0])
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        made, _ = self.decoder(x, self.first(z)[None])
        return self.out(made), mu, logvar


def test_where_the_batch_is_not_in_front_no_reduction_is_judged() -> None:
    def over_time(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()
        return (x_hat - x).pow(2).sum((0, 2)).mean() + kl

    report = audit(TimeFirst(), torch.rand(9, 4, 5), over_time)
    assert codes(report) == []
    assert "which axis is the batch is not known" in report.facts[0].unobserved["kl.reduced"]
    wrong = audit(
        TimeFirst(), torch.rand(9, 4, 5), lambda x_hat, x, mu, logvar: over_time(x_hat, x, mu, logvar + 0 * mu)
    )
    assert codes(wrong) == []


class ByBatch(TimeFirst):
    def by_batch(self, x: Tensor) -> Any:
        x_hat, mu, logvar = self(x.transpose(0, 1))
        return x_hat.transpose(0, 1), mu, logvar


def rows(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """The loss per sample of a batch in front."""
    kl: Tensor = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1)
    return (x_hat - x).pow(2).flatten(1).sum(1) + kl


def test_a_method_that_takes_the_batch_first_settles_which_axis_it_is() -> None:
    report = audit(
        ByBatch(),
        "B 9 5",
        lambda x_hat, x, mu, logvar: rows(x_hat, x, mu, logvar).mean(),
        forward="by_batch",
    )
    assert codes(report) == []
    reduced = report.facts[0].kl.reduced
    assert reduced is not None
    assert reduced.value.batch is Reduction.MEAN


def test_a_loss_that_turns_the_axes_of_the_data_loses_no_row() -> None:
    def turned(model: nn.Module, x: Tensor) -> Tensor:
        x_hat, mu, logvar = model(x.transpose(0, 1))
        return rows(x_hat.transpose(0, 1), x, mu, logvar).mean()

    def as_it_comes(model: nn.Module, x: Tensor) -> Tensor:
        x_hat, mu, logvar = model(x.transpose(0, 1))
        kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1)
        return ((x_hat - x.transpose(0, 1)).pow(2).sum((0, 2)) + kl).mean()

    for loss in (turned, as_it_comes):
        assert codes(audit(TimeFirst(), "B 9 5", loss)) == []


class OneByOne(nn.Module):
    """Takes one row a call."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(11, 6), nn.Linear(3, 11)

    def forward(self, x: Tensor) -> Any:
        if x.dim() != 1:
            raise ValueError("one row a call")
        mu, logvar = self.encoder(x).chunk(2)
        return self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar

    def by_batch(self, x: Tensor) -> Any:
        return tuple(torch.stack(parts) for parts in zip(*(self(each) for each in x), strict=True))


def test_one_sample_a_call_leaves_open_what_is_reduced_over_the_batch() -> None:
    report = audit(
        OneByOne(),
        "B 11",
        lambda x_hat, x, mu, logvar: rows(x_hat, x, mu, logvar).mean(),
        forward="by_batch",
    )
    assert codes(report) == []
    assert "each sample has a call of its own" in report.facts[0].unobserved["kl.reduced"]


class Odd(nn.Module):
    """Loses a row of an odd height; `function` closes its decoder."""

    def __init__(self, function: Callable[[Tensor], Tensor] = torch.clone) -> None:
        super().__init__()
        self.function = function
        self.encoder, self.decoder = nn.Conv2d(3, 8, 3, 2, 1), nn.ConvTranspose2d(4, 3, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        mu, logvar = self.encoder(x).chunk(2, 1)
        return self.function(self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)))


def test_a_reconstruction_of_nearly_the_size_is_named_without_a_loss() -> None:
    (finding,) = audit(Odd(), "B 3 9 12").findings
    assert finding.code == "VAE105"
    assert "(B 3 10 12)" in finding.message
    assert codes(audit(Odd(), "B 3 8 12")) == []
    assert codes(audit(Odd(), "B 3 H W")) == [], "a size that the audit chose accuses nobody"


@pytest.mark.parametrize(
    ("function", "data_range", "expected"),
    [
        (torch.tanh, (0, 1), ["VAE403"]),
        (torch.tanh, (-1, 1), []),
        (torch.sigmoid, (0, 1), []),
        (torch.sigmoid, (0, 255), ["VAE104"]),
        (torch.sigmoid, (-1, 1), ["VAE403"]),
        (nn.Identity(), (0, 1), []),
        (nn.Identity(), (-1, 1), []),
    ],
)
def test_two_intervals_are_compared_without_a_loss(
    function: Callable[[Tensor], Tensor], data_range: tuple[float, float], expected: list[str]
) -> None:
    assert codes(audit(Odd(function), "B 3 8 12", data_range=data_range)) == expected


def test_no_line_of_the_product_is_the_place_of_a_finding() -> None:
    class LogStd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.decoder = nn.Linear(FEATURES, 2 * LATENTS), nn.Linear(LATENTS, FEATURES)

        def forward(self, x: Tensor) -> Any:
            mu, logvar = self.encoder(x).chunk(2, 1)
            return self.decoder(mu + torch.exp(logvar) * torch.randn_like(mu)), mu, logvar

    traced = torch.jit.trace(LogStd(), torch.rand(5, FEATURES), check_trace=False)  # type: ignore[no-untyped-call]
    (finding,) = audit(traced, f"B {FEATURES}", loss).findings
    assert finding.code == "VAE201"
    assert finding.place is None or "vae_checked" not in finding.place.path
