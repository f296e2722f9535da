"""A KL of two Gaussians that come from parts which are not read: whether they have an axis for the samples is open."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

TEXT = """\
import torch
import torch.nn.functional as F
from torch import nn


class Factors(nn.Module):
    def __init__(self, features, encoder, decoder, predictor):
        super().__init__()
        self.features, self.encoder, self.decoder, self.predictor = features, encoder, decoder, predictor
        self.first, self.second = nn.Linear(9, 4), nn.Linear(9, 4)

    @staticmethod
    def divergence(m, s, prior_m, prior_s):
        return (torch.log(prior_s / s) + (s ** 2 + (m - prior_m) ** 2) / (2 * prior_s ** 2) - 0.5).sum()

    def forward(self, x, y):
        h = self.features(x)
        mu, sigma = {posterior}
        y_hat = self.decoder(h, mu, sigma)
        prior_mu, prior_sigma = {prior}
        return F.mse_loss(y_hat, y) + self.divergence(mu, sigma, prior_mu, prior_sigma)
"""
LAYERS = "self.first(x), F.softplus(self.second(x))"


def _found(posterior: str, prior: str, folder: Path) -> list[str]:
    return codes(linted(folder, {"factors.py": TEXT.format(posterior=posterior, prior=prior)}))


def test_nothing_is_said_of_the_axes_of_two_unread_gaussians(tmp_path: Path) -> None:
    assert _found("self.encoder(h, y)", "self.predictor(h)", tmp_path) == []


@pytest.mark.parametrize(
    ("posterior", "prior"),
    [(LAYERS, "self.predictor(h)"), ("self.encoder(h, y)", LAYERS), (LAYERS, LAYERS.replace("(x)", "(y)"))],
)
def test_heads_of_a_layer_have_rows_for_the_samples(posterior: str, prior: str, tmp_path: Path) -> None:
    assert _found(posterior, prior, tmp_path) == ["VAE502", "VAE504"]
