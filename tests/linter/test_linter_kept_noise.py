"""Noise that is drawn once and kept, where the model is made or at the first step: not called new at each step."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, LAYERS, codes, joined, linted

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
    "as a buffer": ('self.register_buffer("eps", torch.randn(32, 7))', f"{Z}self.eps"),
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
    assert codes(report) == []
    assert joined(report)
    assert not any("VAE207" in vae.clean for vae in report.vaes)


def test_rows_of_noise_that_is_kept_are_in_no_draw_that_is_read(tmp_path: Path) -> None:
    """Nothing is said of the draw then, of its noise least of all."""
    made, step = "self.eps = torch.randn(999, 7)", f"{Z}self.eps[: len(m)]"
    report = linted(tmp_path, {"net.py": NET.format(made=made, step=step)})
    assert codes(report) == []
    assert all(facts.sampler.std is None for facts in report.facts)
    assert not any({"VAE201", "VAE203", "VAE207"} & set(vae.clean) for vae in report.vaes)


@pytest.mark.parametrize(("made", "step"), NEW.values(), ids=NEW)
def test_noise_that_is_drawn_at_each_step_is_clean(made: str, step: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(made=made, step=step)})
    assert codes(report) == []
    assert any("VAE207" in vae.clean for vae in report.vaes)
