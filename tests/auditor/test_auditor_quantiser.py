"""Quantisers: told from posteriors, and with the weight of the commitment beside that of the codebook's own term."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_checked.auditor import AuditReport, audit

CHANNELS, CODES, SIZE = 4, 16, 6
Terms = Callable[[Tensor, Tensor], Tensor]


class Quantised(nn.Module):
    """Pictures whose places are the rows that are looked up, channels last for that alone."""

    def __init__(self, terms: Terms) -> None:
        super().__init__()
        self.terms = terms
        self.encoder, self.decoder = nn.Conv2d(2, CHANNELS, 1), nn.Conv2d(CHANNELS, 2, 1)
        self.codebook = nn.Embedding(CODES, CHANNELS)

    def forward(self, x: Tensor) -> Any:
        z = self.encoder(x)
        rows = z.permute(0, 2, 3, 1).reshape(-1, CHANNELS)
        places = torch.cdist(rows, self.codebook.weight).argmin(1)
        code = self.codebook(places).view(len(x), *z.shape[2:], CHANNELS).permute(0, 3, 1, 2)
        x_hat = self.decoder(z + (code - z).detach())
        return x_hat, F.mse_loss(x_hat, x) + self.terms(z, code)


def reported(terms: Terms) -> AuditReport:
    torch.manual_seed(9)
    return audit(Quantised(terms), f"B 2 {SIZE} 5")


BETA = 0.4


def on_codes_by_name(z: Tensor, c: Tensor) -> Tensor:
    return BETA * F.mse_loss(c, z.detach()) + F.mse_loss(z, c.detach())


def meant_for_codes(z: Tensor, c: Tensor, codebook_weight: float = 0.5) -> Tensor:
    return codebook_weight * F.mse_loss(c, z.detach()) + F.mse_loss(z, c.detach())


WEIGHTS: dict[str, tuple[Terms, str]] = {
    "as published": (lambda z, c: F.mse_loss(c, z.detach()) + 0.25 * F.mse_loss(z, c.detach()), "0.25"),
    "on the other term": (lambda z, c: 0.25 * F.mse_loss(c, z.detach()) + F.mse_loss(z, c.detach()), "4"),
    "on the other by name": (on_codes_by_name, "2.5"),
    "meant for the codes": (meant_for_codes, "2"),
    "both": (lambda z, c: 0.5 * F.mse_loss(c, z.detach()) + 1.5 * F.mse_loss(z, c.detach()), "3"),
    "larger": (lambda z, c: F.mse_loss(c, z.detach()) + 2.0 * F.mse_loss(z, c.detach()), "2"),
    "in all": (lambda z, c: 10 * (F.mse_loss(c, z.detach()) + 0.25 * F.mse_loss(z, c.detach())), "0.25"),
    "without a detach": (lambda z, c: 1.25 * F.mse_loss(c, z), "1"),
    "summed": (lambda z, c: (c - z.detach()).square().sum() + 0.5 * (z - c.detach()).square().sum(), "0.5"),
}
MISPLACED = {"on the other term": "0.25", "on the other by name": "0.4"}


@pytest.mark.parametrize("name", WEIGHTS)
def test_the_weight_of_the_commitment_is_measured(name: str) -> None:
    terms, weight = WEIGHTS[name]
    report = reported(terms)
    (line,) = (line for line in report.recognised if "nearest rows" in line)
    assert "codebook.weight" in line
    assert f"draws the encoder to them with {weight} times" in line
    assert [finding.code for finding in report.findings] == ["VAE209"] * (name in MISPLACED)
    for finding in report.findings:
        assert finding.message.startswith(f"{MISPLACED[name]} weighs the term that moves the codes")
        assert finding.place is not None
        assert "F.mse_loss(c, z.detach())" in (finding.place.text or "")


def test_a_codebook_that_is_moved_otherwise_has_no_weight() -> None:
    report = reported(lambda z, c: 0.25 * F.mse_loss(z, c.detach()))
    (line,) = (line for line in report.recognised if "nearest rows" in line)
    assert "times the weight" not in line


def test_a_quantiser_is_not_asked_for_its_noise() -> None:
    (facts,) = reported(WEIGHTS["as published"][0]).facts
    assert "nearest row of a codebook" in facts.unobserved["kl.form"]
    assert "noise" not in facts.unobserved["sampler.std"]


class Styled(Quantised):
    """A Gaussian vector for the style beside the codes; `odd` is what its KL has of the head for std."""

    def __init__(self, odd: Callable[[Tensor], Tensor]) -> None:
        super().__init__(WEIGHTS["as published"][0])
        self.odd = odd
        self.to_style, self.of_style = nn.Linear(CHANNELS, 10), nn.Linear(5, CHANNELS)

    def forward(self, x: Tensor) -> Any:
        z = self.encoder(x)
        rows = z.permute(0, 2, 3, 1).reshape(-1, CHANNELS)
        places = torch.cdist(rows, self.codebook.weight).argmin(1)
        code = self.codebook(places).view(len(x), *z.shape[2:], CHANNELS).permute(0, 3, 1, 2)
        mu, logvar = self.to_style(z.mean((2, 3))).chunk(2, 1)
        style = self.of_style(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu))
        x_hat = self.decoder(z + (code - z).detach() + style[:, :, None, None])
        kl = 0.5 * (mu.square() + self.odd(logvar)).sum(1).mean()
        return F.mse_loss(x_hat, x, reduction="sum") / len(x) + kl + self.terms(z, code)


def test_codes_that_are_trained_beside_a_kl_are_no_prior_of_it() -> None:
    torch.manual_seed(9)
    right = audit(Styled(lambda s: s.exp() - 1 - s), f"B 2 {SIZE} 5")
    assert [finding.code for finding in right.findings] == []
    wrong = audit(Styled(lambda s: s.exp() + 1 - 2 * s), f"B 2 {SIZE} 5")
    assert [finding.code for finding in wrong.findings] == ["VAE301"]
