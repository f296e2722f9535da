"""The errors of one element are those of torch's own losses, on numbers and on tensors, and so are their slopes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vae_checked.facts import Likelihood
from vae_checked.mathematics.likelihoods import ERRORS, POISSON_OF_RATE, Error, Floats, error_of

# torch's loss of each likelihood, element by element; that of classes is of a row with one class that is meant.
TORCH: dict[Likelihood, Callable[[Tensor, Tensor], Tensor]] = {
    Likelihood.MSE: lambda p, t: F.mse_loss(p, t, reduction="none"),
    Likelihood.L1: lambda p, t: F.l1_loss(p, t, reduction="none"),
    Likelihood.SMOOTH_L1: lambda p, t: F.smooth_l1_loss(p, t, reduction="none"),
    Likelihood.BCE_WITH_LOGITS: lambda p, t: F.binary_cross_entropy_with_logits(p, t, reduction="none"),
    Likelihood.POISSON: lambda p, t: F.poisson_nll_loss(p, t, reduction="none"),
    Likelihood.BCE: lambda p, t: F.binary_cross_entropy(p, t, reduction="none"),
    Likelihood.CROSS_ENTROPY: lambda p, t: F.kl_div(p.log(), t, reduction="none") - torch.xlogy(t, t),
}
errors = pytest.mark.parametrize(
    "error", [*ERRORS, POISSON_OF_RATE], ids=[*(error.kind.name for error in ERRORS), "POISSON_OF_RATE"]
)


def of_torch(error: Error) -> Callable[[Tensor, Tensor], Tensor]:
    if error is POISSON_OF_RATE:
        return lambda p, t: F.poisson_nll_loss(p, t, log_input=False, eps=0.0, reduction="none")
    return TORCH[error.kind]


def points(error: Error) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(11)
    draw = torch.rand((2, 37), generator=generator, dtype=torch.float64)
    unit = error is POISSON_OF_RATE or error.kind in (Likelihood.BCE, Likelihood.CROSS_ENTROPY)
    p = 0.04 + 0.92 * draw[0] if unit else 5.0 * (draw[0] - 0.5)
    return p.requires_grad_(), (0.03 + 0.94 * draw[1]).requires_grad_()


@errors
def test_the_value_is_that_of_torchs_loss(error: Error) -> None:
    p, t = points(error)
    assert torch.allclose(error.value(p, t, torch), of_torch(error)(p, t), atol=1e-12)
    for x, y in zip(p.tolist(), t.tolist(), strict=True):
        expected = of_torch(error)(torch.tensor([x], dtype=torch.float64), torch.tensor([y], dtype=torch.float64))
        assert error.value(x, y, Floats) == pytest.approx(expected.item(), abs=1e-9)


@errors
def test_the_slopes_are_those_that_autograd_finds(error: Error) -> None:
    p, t = points(error)
    by_p, by_t = torch.autograd.grad(of_torch(error)(p, t).sum(), (p, t))
    assert torch.allclose(error.by_prediction(p.detach(), t.detach(), torch), by_p, atol=1e-10)
    assert torch.allclose(error.by_target(p.detach(), t.detach(), torch), by_t, atol=1e-10)
    for x, y, slope in zip(p.tolist(), t.tolist(), by_p.tolist(), strict=True):
        assert error.by_prediction(x, y, Floats) == pytest.approx(slope, abs=1e-9)


def test_an_error_is_found_by_its_likelihood_and_a_scale_has_none() -> None:
    assert {error_of(kind).kind for kind in TORCH} == {error.kind for error in ERRORS}
    with pytest.raises(KeyError):
        error_of(Likelihood.GAUSSIAN_NLL)
