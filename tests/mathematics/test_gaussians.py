"""Closed forms of Gaussians beside torch's own distributions and autograd, on numbers and on tensors."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from vae_checked.auditor.measure.kl_fit import OnTensors
from vae_checked.facts import Parametrisation
from vae_checked.mathematics.gaussians import (
    fit_kl,
    fit_std,
    gaussian_kl,
    gaussian_kl_of,
    head_of,
    kl_slopes_of,
    prior_head,
    reversed_gaussian_kl,
    reversed_gaussian_kl_of,
    std_at,
    std_of,
    std_slope_of,
)

STDS = {
    Parametrisation.LOGVAR: lambda s: (0.5 * s).exp(),
    Parametrisation.LOG_STD: torch.exp,
    Parametrisation.STD: lambda s: s,
    Parametrisation.VAR: torch.sqrt,
}
MU = torch.tensor([0.3, -1.7, 2.2], dtype=torch.float64)
HEAD = torch.tensor([0.2, 0.9, 2.6], dtype=torch.float64)
HEADS = ((0.3, 0.2), (-1.7, 0.9), (2.2, 2.6), (0.9, 1.4), (-0.2, 0.5))


@pytest.mark.parametrize("kind", Parametrisation)
def test_a_tensor_and_its_numbers_have_one_std(kind: Parametrisation) -> None:
    expected = STDS[kind](HEAD)
    assert torch.allclose(std_of(kind, HEAD, OnTensors), expected)
    assert [std_at(kind, float(s)) for s in HEAD] == pytest.approx(expected.tolist())
    assert torch.allclose(head_of(kind, expected, OnTensors), HEAD)
    assert std_at(kind, prior_head(kind)) == 1.0


@pytest.mark.parametrize("is_reversed", [False, True], ids=["forward", "reversed"])
@pytest.mark.parametrize("kind", Parametrisation)
def test_the_kl_and_its_slopes_are_those_of_torch(kind: Parametrisation, is_reversed: bool) -> None:
    mu, head = MU.clone().requires_grad_(), HEAD.clone().requires_grad_()
    pair = (Normal(mu, STDS[kind](head)), Normal(torch.zeros_like(mu), 1.0))
    kl = kl_divergence(*(reversed(pair) if is_reversed else pair))
    std = std_of(kind, HEAD, OnTensors)
    own, numbers = (reversed_gaussian_kl_of, reversed_gaussian_kl) if is_reversed else (gaussian_kl_of, gaussian_kl)
    assert torch.allclose(own(MU, std, OnTensors), kl)
    assert [numbers(float(m), float(s)) for m, s in zip(MU, std, strict=True)] == pytest.approx(kl.tolist())
    by_mu, by_head = torch.autograd.grad(kl.sum(), (mu, head))
    found = kl_slopes_of(kind, is_reversed, MU, HEAD, OnTensors)
    assert torch.allclose(found[0], by_mu)
    assert torch.allclose(found[1], by_head)


@pytest.mark.parametrize("kind", Parametrisation)
def test_the_slope_of_std_is_its_derivative(kind: Parametrisation) -> None:
    head = HEAD.clone().requires_grad_()
    (expected,) = torch.autograd.grad(STDS[kind](head).sum(), head)
    assert torch.allclose(std_slope_of(kind, HEAD, OnTensors), expected)


@pytest.mark.parametrize("kind", Parametrisation)
def test_points_of_a_std_tell_its_parametrisation(kind: Parametrisation) -> None:
    points = [(s, std_at(kind, s)) for s in (0.3, 0.8, 1.7, 2.4)]
    assert fit_std(points, 1e-6) is kind
    assert fit_std([(s, 1.1 * std) for s, std in points], 1e-6) is None
    assert fit_std(points[:2], 1e-6) is None


def test_a_std_is_looked_at_where_it_has_one() -> None:
    softplus = [(s, math.log1p(math.exp(s))) for s in (-2.0, -0.4, 0.7, 1.9)]
    assert fit_std(softplus, 2e-3) is None
    assert fit_std([(s, math.exp(s)) for s in (-2.0, -0.4, 0.7, 1.9)], 2e-3) is Parametrisation.LOG_STD
    assert fit_std([(s, max(s, 0.0)) for s in (-2.0, 0.4, 0.7, 1.9)], 2e-3) is Parametrisation.STD


@pytest.mark.parametrize("factor", [1.0, -0.5, 3.7e-4])
@pytest.mark.parametrize("is_reversed", [False, True], ids=["forward", "reversed"])
@pytest.mark.parametrize("kind", Parametrisation)
def test_values_of_a_kl_tell_which_one_it_is(kind: Parametrisation, is_reversed: bool, factor: float) -> None:
    pairs = [(Normal(m, float(STDS[kind](torch.tensor(s, dtype=torch.float64)))), Normal(0.0, 1.0)) for m, s in HEADS]
    values = [
        factor * float(kl_divergence(*(reversed(pair) if is_reversed else pair))) + 0.8  # a constant is left open
        for pair in pairs
    ]
    fitted = fit_kl(HEADS, values, 1e-5)
    assert fitted is not None
    assert (fitted.parametrisation, fitted.is_reversed) == (kind, is_reversed)
    assert fitted.factor == pytest.approx(factor, rel=1e-4)


@pytest.mark.parametrize(
    "values",
    [
        [m * m for m, _ in HEADS],
        [1.0 for _ in HEADS],
        [-0.5 * (1 + s - abs(m) - math.exp(s)) for m, s in HEADS],
        [0.5 * (m * m + math.exp(s) - 1) - s for m, s in HEADS],
        [math.nan for _ in HEADS],
    ],
    ids=["a norm", "a constant", "no square", "a half lost", "no numbers"],
)
def test_values_of_no_closed_form_fit_none(values: list[float]) -> None:
    assert fit_kl(HEADS, values, 1e-5) is None
