"""A KL within bounds, as the auditor sees it: one that no value of it passes is lost, a capacity is none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from small_vaes import spellings as zoo
from torch import Tensor

from vae_checked.auditor import AuditReport, audit


def kl(mu: Tensor, logvar: Tensor) -> Tensor:
    return -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(1).mean()


def squares(x_hat: Tensor, x: Tensor) -> Tensor:
    return (x_hat - x).square().flatten(1).sum(1)


def reported(loss: Callable[..., Tensor]) -> AuditReport:
    torch.manual_seed(4)
    return audit(zoo.Base(), "B 3 8 12", loss, data_range=(0, 1))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.0, 0.0, ["VAE305"]), (3.0, 3.0, ["VAE305"]), (0.0, 0.5, []), (500.0, None, []), (0.0, 1e9, [])],
)
def test_a_kl_between_bounds_is_lost_where_they_are_equal_alone(
    low: float, high: float | None, expected: list[str]
) -> None:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return squares(x_hat, x).mean() + torch.clamp(kl(mu, logvar).mean(), min=low, max=high)

    findings = [each for each in reported(loss).findings if each.code == "VAE305"]
    assert [each.code for each in findings] == expected
    for each in findings:
        assert each.fix == "give the clamp of kl room: between equal bounds it is a constant"
        assert each.place is not None
        assert "torch.clamp(" in each.place.text


NONE = 0.0


def clamped(kl: Tensor) -> Tensor:
    return kl.clamp(max=0.0)


def clamped_below(kl: Tensor) -> Tensor:
    return kl.clamp_max(-2.0)


def turned(kl: Tensor) -> Tensor:
    return F.relu(-kl)


def capped(kl: Tensor) -> Tensor:
    return kl.clamp(max=6000.0)


def nearly_capped(kl: Tensor) -> Tensor:
    return kl.clamp(max=0.5)


def between(kl: Tensor) -> Tensor:
    return kl.clamp(min=0.25, max=0.5)


def of_a_setting(kl: Tensor) -> Tensor:
    return kl.clamp(max=NONE)


@pytest.mark.parametrize(
    ("clip", "name"),
    [
        (clamped, "clamp"),
        (clamped_below, "clamp_max"),
        (turned, "relu"),
        (capped, None),
        (nearly_capped, None),
        (between, None),
        (of_a_setting, None),
    ],
)
def test_a_kl_that_a_written_bound_never_lets_through_is_lost(
    clip: Callable[[Tensor], Tensor], name: str | None
) -> None:
    report = reported(lambda x_hat, x, mu, logvar: squares(x_hat, x).mean() + clip(kl(mu, logvar).mean()))
    fixes = [each.fix for each in report.findings if each.code == "VAE305"]
    assert fixes == ([] if name is None else [f"leave kl as it is: the {name} lets no value of it through"])
