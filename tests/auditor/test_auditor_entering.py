"""The scale of what enters the encoder: pixels that are divided by 255 once more there, or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_checked.auditor import audit

Map = Callable[[Tensor], Tensor]


class Scaled(nn.Module):
    def __init__(self, enters: Map, first: Callable[[], nn.Module] = nn.Identity, brightest: float = 1.0) -> None:
        super().__init__()
        self.enters, self.brightest = enters, brightest
        self.trunk = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), first(), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 4 * 6, 17))
        self.loc, self.logvar = nn.Linear(17, 5), nn.Linear(17, 5)
        self.draw = nn.Sequential(nn.Linear(5, 17), nn.ReLU(), nn.Linear(17, 3 * 8 * 12))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = self.trunk(self.enters(x))
        mu, logvar = self.loc(h), self.logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.brightest * torch.sigmoid(self.draw(z)).view(-1, 3, 8, 12), mu, logvar


def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    kl = -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(1)
    return (F.mse_loss(x_hat, x, reduction="none").sum((1, 2, 3)) + kl).mean()


def loss_of_bytes(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return loss(x_hat, x / 255, mu, logvar)


def verdict(model: nn.Module, over: Callable[..., Tensor], brightest: float) -> tuple[str, int]:
    """Whether VAE104 is found, clean or open, and at which line."""
    torch.manual_seed(3)
    (judged,) = audit(model, "B 3 8 12", over, data_range=(0.0, brightest)).judgements
    found = [finding for finding in judged.findings if finding.code == "VAE104"]
    if found:
        place = found[0].place
        return "found", 0 if place is None else place.line
    return ("clean" if "VAE104" in judged.clean else "open"), 0


def divided(x: Tensor) -> Tensor:
    return x / 255


def put_around_zero(x: Tensor) -> Tensor:
    return (x / 255 - 0.5) / 0.5


MISTAKES: dict[str, tuple[Map, Callable[..., Tensor], float]] = {
    "twice": (divided, loss, 1.0),
    "twice, and around zero": (put_around_zero, loss, 1.0),
    "thrice, of bytes": (lambda x: divided(divided(x)), loss_of_bytes, 255.0),
    "never, of bytes": (lambda x: x, loss_of_bytes, 255.0),
}
RIGHT: dict[str, tuple[Map, Callable[..., Tensor], float]] = {
    "as given": (lambda x: x, loss, 1.0),
    "around zero": (lambda x: 2 * x - 1, loss, 1.0),
    "once on both ways": (divided, loss_of_bytes, 255.0),
    "as a network of bytes wants them": (lambda x: 255 * x, loss, 1.0),
    "with noise": (lambda x: x + 0.1 * torch.randn_like(x), loss, 1.0),
    "with dropout": (lambda x: F.dropout(x, 0.3), loss, 1.0),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_pixels_of_another_scale_in_the_encoder_alone_are_named(name: str) -> None:
    enters, over, brightest = MISTAKES[name]
    assert verdict(Scaled(enters), over, brightest)[0] == "found"


@pytest.mark.parametrize("name", RIGHT)
def test_pixels_of_the_scale_that_is_compared_are_clean(name: str) -> None:
    enters, over, brightest = RIGHT[name]
    assert verdict(Scaled(enters), over, brightest)[0] == "clean"


def test_the_line_that_divides_once_more_is_named() -> None:
    assert verdict(Scaled(divided), loss, 1.0) == ("found", divided.__code__.co_firstlineno + 1)


def test_a_layer_that_normalises_takes_bytes_and_no_second_division() -> None:
    def normalised(enters: Map) -> nn.Module:
        return Scaled(enters, lambda: nn.BatchNorm2d(6))

    assert verdict(normalised(lambda x: x), loss_of_bytes, 255.0)[0] == "clean"
    assert verdict(normalised(divided), loss, 1.0)[0] == "found"


def test_bytes_in_and_bytes_out_divided_for_the_encoder_are_clean() -> None:
    assert verdict(Scaled(divided, brightest=255.0), loss, 255.0)[0] == "clean"


def test_what_follows_from_the_data_in_no_straight_line_is_open() -> None:
    assert verdict(Scaled(torch.log1p), loss, 1.0)[0] == "open"


def test_a_condition_beside_the_pixels_hides_no_second_division() -> None:
    beside = Scaled(lambda x: torch.cat([x[:, :2] / 255, torch.ones_like(x[:, :1])], 1))
    assert verdict(beside, loss, 1.0)[0] == "found"
