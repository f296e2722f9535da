"""A log variance that is clipped at 0 where it is drawn with, and not in the KL: most logs are negative."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, LAYERS, codes, linted

from vae_checked.reports import all_examined

NET = (
    HEAD
    + LAYERS
    + """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        {before}
        return self.back(m + torch.randn_like(m) * {std}), m, s
"""
    + FIT
)
CLIPPED = [
    "torch.exp(0.5 * F.relu(s))",
    "torch.exp(0.5 * s.clamp(min=0))",
    "torch.exp(0.5 * torch.maximum(s, torch.zeros_like(s)))",
    "F.relu(s).exp().sqrt()",
]
KEPT = [
    "torch.exp(0.5 * s)",
    "torch.exp(0.5 * s.clamp(min=-5))",
    "torch.exp(0.5 * s.clamp(-1, 1))",
    "torch.exp(0.5 * s) + 1e-6",
]


def judged(folder: Path, std: str, before: str = "pass") -> tuple[list[str], bool]:
    """The mistakes that are found, and whether sampler and KL are said to read one head alike."""
    report = linted(folder, {"net.py": NET.format(std=std, before=before)})
    return codes(report), any("VAE201" in each.clean for each in all_examined(report))


@pytest.mark.parametrize("std", CLIPPED)
def test_a_log_that_is_clipped_at_zero_is_another_one(std: str, tmp_path: Path) -> None:
    assert judged(tmp_path, std) == (["VAE201"], False)


@pytest.mark.parametrize("std", KEPT)
def test_what_keeps_a_log_from_extremes_is_none(std: str, tmp_path: Path) -> None:
    assert judged(tmp_path, std) == ([], True)


def test_both_may_read_the_log_behind_what_clips_it(tmp_path: Path) -> None:
    assert "VAE201" not in judged(tmp_path, "torch.exp(0.5 * s)", "s = F.relu(s)")[0]
