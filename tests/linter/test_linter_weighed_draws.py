"""A draw that weighs the mean against what lies a std beside it is m + s * eps, however that is spelled."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, MODEL, codes, joined, linted

from vae_checked.facts import NoiseLaw, Parametrisation

DRAWN = (
    HEAD
    + MODEL
    + """
    def forward(self, x):
        m, s = self.encode(x)
        std = torch.exp(0.5 * s)
        eps = torch.randn_like(std)
        return self.back({z}), m, s
"""
    + FIT
)
RIGHT = (
    "torch.lerp(m, m + std, eps)",
    "torch.lerp(input=m, end=std + m, weight=eps)",
    "m.lerp(m + std, eps)",
    "torch.lerp(m, m - std, -eps)",
    "(1 - eps) * m + eps * (m + std)",
    "eps * (m + std) + m * (1 - eps)",
    "m + eps * ((m + std) - m)",
)
WRONG = {
    "torch.lerp(m, m + s, eps)": "VAE201",
    "torch.lerp(m, m + std, torch.rand_like(std))": "VAE202",
    "torch.lerp(m, m + std, 2 * eps)": "VAE202",
    "m + torch.rand_like(std) * ((m + std) - m)": "VAE202",
    "torch.lerp(m, m + std, 0.5)": "VAE207",
    "torch.lerp(m + std, m, eps)": "VAE207",
    "m + std": "VAE207",
}


@pytest.mark.parametrize("z", RIGHT)
def test_a_draw_that_weighs_mean_and_std_is_read(z: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": DRAWN.format(z=z)})
    assert codes(report) == []
    (facts,) = joined(report)
    assert facts.sampler.std is not None
    assert facts.sampler.std.value.parametrisation is Parametrisation.LOGVAR
    assert facts.sampler.noise is not None
    assert facts.sampler.noise.value.law is NoiseLaw.STANDARD_NORMAL


@pytest.mark.parametrize(("z", "code"), WRONG.items(), ids=WRONG)
def test_a_wrong_draw_stays_named_where_noise_weighs(z: str, code: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"train.py": DRAWN.format(z=z)})) == [code]
