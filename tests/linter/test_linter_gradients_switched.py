"""Gradients that `set_grad_enabled` switches off: around a block, of a function, or from a statement on."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, LAYERS, codes, linted

NET = (
    HEAD
    + LAYERS
    + """
        self.kept = False

    {decorated}
    def draw(self, m, s):
        return m + torch.exp(0.5 * s) * torch.randn_like(m)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        {drawn}
        return self.back(z), m, s
"""
    + FIT
)
DRAWN = "z = self.draw(m, s)"
OFF = {
    "around a block": f"with torch.set_grad_enabled(False):\n            {DRAWN}",
    "by its name": f"with torch.autograd.set_grad_enabled(mode=False):\n            {DRAWN}",
    "beside another": f"with torch.set_grad_enabled(False), open(self.log):\n            {DRAWN}",
    "by a name for it": f"off = torch.set_grad_enabled(False)\n        with off:\n            {DRAWN}",
    "by an attribute": f"with torch.set_grad_enabled(self.kept):\n            {DRAWN}",
    "in training": f"with torch.set_grad_enabled(not self.training):\n            {DRAWN}",
    "from a statement on": f"torch.set_grad_enabled(False)\n        {DRAWN}\n        torch.set_grad_enabled(True)",
    "until it is as before": (
        "before = torch.is_grad_enabled()\n        torch.set_grad_enabled(False)\n"
        f"        {DRAWN}\n        torch.set_grad_enabled(before)"
    ),
}
ON = {
    "on": f"with torch.set_grad_enabled(True):\n            {DRAWN}",
    "on in training": f"with torch.set_grad_enabled(self.training):\n            {DRAWN}",
    "on from a statement on": f"torch.set_grad_enabled(True)\n        {DRAWN}",
    "off before": f"torch.set_grad_enabled(False)\n        torch.set_grad_enabled(True)\n        {DRAWN}",
    "off outside of training": f"{DRAWN}\n        if not self.training:\n            torch.set_grad_enabled(False)",
}


@pytest.mark.parametrize("drawn", OFF.values(), ids=OFF)
def test_a_draw_without_its_gradient_is_named(drawn: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": NET.format(decorated="", drawn=drawn)})) == ["VAE206"]


@pytest.mark.parametrize("drawn", ON.values(), ids=ON)
def test_a_draw_with_its_gradient_is_clean(drawn: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(decorated="", drawn=drawn)})
    assert codes(report) == []
    assert any("VAE206" in vae.clean for vae in report.vaes)


@pytest.mark.parametrize(("mode", "found"), [("False", ["VAE206"]), ("mode=False", ["VAE206"]), ("True", [])])
def test_a_function_by_which_gradients_are_switched_off(mode: str, found: list[str], tmp_path: Path) -> None:
    text = NET.format(decorated=f"@torch.set_grad_enabled({mode})", drawn=DRAWN)
    assert codes(linted(tmp_path, {"net.py": text})) == found
