"""Hooks of a sample that give a gradient of 0 in the place of its own: as if it were cut off there."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, LAYERS, codes, linted

NET = (
    HEAD
    + """

def nothing(gradient):
    return torch.zeros_like(gradient)


def seen(gradient):
    print(gradient.norm())
"""
    + LAYERS
    + """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(m)
        {hook}
        return self.back(z), m, s
"""
    + FIT
)
ERASING = {
    "a function": "z.register_hook(nothing)",
    "zeros": "z.register_hook(lambda gradient: torch.zeros_like(gradient))",
    "a factor": "z.register_hook(lambda gradient: 0 * gradient)",
    "a factor behind it": "z.register_hook(lambda gradient: gradient * 0.0)",
}
KEEPING = {
    "none": "pass",
    "a look": "z.register_hook(seen)",
    "half of it": "z.register_hook(lambda gradient: 0.5 * gradient)",
    "clipped": "z.register_hook(lambda gradient: gradient.clamp(-1, 1))",
    "of what is only shown": "m.detach().register_hook(nothing)",
}


@pytest.mark.parametrize("hook", ERASING.values(), ids=ERASING)
def test_a_sample_whose_gradient_a_hook_erases_is_named(hook: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": NET.format(hook=hook)})) == ["VAE206"]


@pytest.mark.parametrize("hook", KEEPING.values(), ids=KEEPING)
def test_a_sample_whose_gradient_stays_is_clean(hook: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(hook=hook)})
    assert codes(report) == []
    assert any("VAE206" in vae.clean for vae in report.vaes)


def test_a_hook_on_a_condition_is_open(tmp_path: Path) -> None:
    text = NET.format(hook="if x.requires_grad:\n            z.register_hook(nothing)")
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == []
    assert not any("VAE206" in vae.clean for vae in report.vaes)
