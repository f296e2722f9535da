"""Noise that is drawn once and kept, where the model is made or at the first step: not called new at each step."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, LAYERS, codes, linted

NET = (
    HEAD
    + """

class Drawn:
    def __init__(self, m, s):
        self.value = m + torch.exp(0.5 * s) * torch.randn_like(m)


"""
    + LAYERS
    + """
        {made}

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        {step}
        return self.back(z), m, s
"""
    + FIT
)
Z = "z = m + torch.exp(0.5 * s) * "
KEPT = {
    "where the model is made": ("self.eps = torch.randn(32, 7)", f"{Z}self.eps"),
    "where it is made, for so many rows": ("self.eps = torch.randn(999, 7)", f"{Z}self.eps[: len(m)]"),
    "at the first step": (
        "self.eps = None",
        f"if self.eps is None:\n            self.eps = torch.randn_like(m)\n        {Z}self.eps",
    ),
    "where there is none": (
        "pass",
        f'if not hasattr(self, "eps"):\n            self.eps = torch.randn_like(m)\n        {Z}self.eps',
    ),
}
NEW = {
    "at each step": ("pass", f"{Z}torch.randn_like(m)"),
    "kept at each step": ("self.eps = None", f"self.eps = torch.randn_like(m)\n        {Z}self.eps"),
    "by an object of each step": ("pass", "z = Drawn(m, s).value"),
    "where an option asks for it": (
        "self.wide = True",
        f"eps = torch.randn_like(m)\n        if self.wide:\n            eps = torch.randn_like(m)\n        {Z}eps",
    ),
}


@pytest.mark.parametrize(("made", "step"), KEPT.values(), ids=KEPT)
def test_noise_that_is_kept_is_not_called_new(made: str, step: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(made=made, step=step)})
    assert set(codes(report)) <= {"VAE203"}
    assert not any("VAE207" in vae.clean for vae in report.vaes)


@pytest.mark.parametrize(("made", "step"), NEW.values(), ids=NEW)
def test_noise_that_is_drawn_at_each_step_is_clean(made: str, step: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(made=made, step=step)})
    assert codes(report) == []
    assert any("VAE207" in vae.clean for vae in report.vaes)
