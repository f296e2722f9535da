"""How probable counts are by a Poisson distribution, written by hand: an error of its rate, up to what counts add."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

NET = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.back = nn.Linear(84, 33), nn.Linear(7, 84)
        self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7)

    def step(self, x, optimizer):
        m, s = self.to_m(self.up(x)), self.to_s(self.up(x))
        z = m + torch.exp({std}) * torch.randn_like(s)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
        rate = F.softplus(self.back(z))
        loss = {loss}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
ERRORS = {
    "as it is": "(torch.sum(rate - x * torch.log(rate), dim=1) + kl).mean()",
    "guarded": "(torch.sum(rate - x * (rate + 1e-8).log(), dim=1) + kl).mean()",
    "its negative": "-(torch.sum(x * torch.log(rate) - rate, dim=1) - kl).mean()",
    "of the factorial as well": "(torch.sum(rate - x * torch.log(rate) + torch.lgamma(x + 1), dim=1) + kl).mean()",
    "clamped": "(torch.sum(rate.clamp(1e-4, 1e3) - x * torch.log(rate.clamp(1e-4, 1e3)), dim=1) + kl).mean()",
}
NONE = {
    "another power": "(torch.sum(rate.pow(2) - x * torch.log(rate), dim=1) + kl).mean()",
    "another sign": "(torch.sum(rate + x * torch.log(rate), dim=1) + kl).mean()",
    "no counts": "(torch.sum(rate - torch.log(rate), dim=1) + kl).mean()",
    "a penalty": "(torch.sum(rate - 3 * torch.log(rate) + x, dim=1) + kl).mean()",
}


@pytest.mark.parametrize("loss", ERRORS.values(), ids=ERRORS)
def test_the_error_of_a_rate_is_joined(loss: str, tmp_path: Path) -> None:
    (facts,) = joined(linted(tmp_path, {"net.py": NET.format(loss=loss, std="0.5 * s")}))
    assert facts.recon.sign is not None
    assert facts.recon.sign.value == 1
    assert codes(linted(tmp_path, {"net.py": NET.format(loss=loss, std="s")})) == ["VAE201"]


@pytest.mark.parametrize("loss", NONE.values(), ids=NONE)
def test_another_formula_of_a_rate_is_no_error_of_counts(loss: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(loss=loss, std="0.5 * s")})
    assert [facts for facts in report.facts if facts.kl.form]
    assert joined(report) == []


def test_a_likelihood_of_counts_that_is_minimised_is_named(tmp_path: Path) -> None:
    loss = "(torch.sum(x * torch.log(rate) - rate, dim=1) + kl).mean()"
    assert codes(linted(tmp_path, {"net.py": NET.format(loss=loss, std="0.5 * s")})) == ["VAE505"]


@pytest.mark.parametrize(
    ("called", "expected"),
    [
        ("F.poisson_nll_loss(rate, x, log_input=False, reduction='sum')", []),
        ("F.poisson_nll_loss(x, rate, log_input=False, reduction='sum')", ["VAE404"]),
        ("F.poisson_nll_loss(target=rate, input=x, reduction='sum')", ["VAE404"]),
        ("F.poisson_nll_loss(torch.log(rate), x, reduction='sum')", []),
        ("F.poisson_nll_loss(x, torch.log(rate), reduction='sum')", ["VAE404"]),
        ("nn.PoissonNLLLoss(log_input=False, reduction='sum')(rate, x)", []),
        ("nn.PoissonNLLLoss(log_input=False, reduction='sum')(x, rate)", ["VAE404"]),
        ("nn.PoissonNLLLoss(log_input=False, reduction='sum')(target=rate, input=x)", ["VAE404"]),
    ],
)
def test_a_rate_in_the_place_of_counts_is_named(called: str, expected: list[str], tmp_path: Path) -> None:
    loss = f"{called} / len(x) + kl.mean()"
    assert codes(linted(tmp_path, {"net.py": NET.format(loss=loss, std="0.5 * s")})) == expected
