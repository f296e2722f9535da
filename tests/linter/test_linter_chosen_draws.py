"""A draw of no Gaussian that a setting chooses beside the usual one is meant; by itself it is misplaced noise."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, codes, linted

MODULE = (
    "import math\n"
    + HEAD
    + """

class Net(nn.Module):
    def __init__(self, KIND):
        super().__init__()
        self.kind = kind
        self.trunk, self.to_m, self.to_s = nn.Linear(84, 33), nn.Linear(33, 7), nn.Linear(33, 7)
        self.back = nn.Linear(7, 84)

    def bent(self, m):
        return m / 4 * 0.1 + m / math.sqrt(2) * torch.randn_like(m) * 0.3

    def draw(self, m, std):
DRAW

    def forward(self, x):
        h = torch.relu(self.trunk(x))
        m, s = self.to_m(h), self.to_s(h)
        return self.back(self.draw(m, torch.exp(0.5 * s))), m, s
"""
    + FIT
)
BENT, USUAL = "m + self.bent(m) * std", "m + torch.randn_like(std) * std"
CHOSEN = {
    "a branch that returns": f"if self.kind:\n    return {BENT}\nreturn {USUAL}",
    "an else": f"if not self.kind:\n    return {USUAL}\nelse:\n    return {BENT}",
    "an expression": f"return {BENT} if self.kind else {USUAL}",
    "a name for z": f"if self.kind:\n    z = {BENT}\nelse:\n    z = {USUAL}\nreturn z",
    "the noise alone": "eps = self.bent(m) if self.kind else torch.randn_like(std)\nreturn m + eps * std",
    "a table": "draws = {True: self.bent, False: torch.randn_like}\nreturn m + draws[self.kind](m) * std",
}
ALONE = {
    "no choice": f"return {BENT}",
    "beside the mean alone": f"if self.kind:\n    return {BENT}\nreturn m",
    "after another choice": f"width = 2 if self.kind else 1\nreturn {BENT}",
}


def module(draw: str, kind: str) -> str:
    lines = "\n".join(f"        {line}" for line in draw.splitlines())
    return MODULE.replace("DRAW", lines).replace("KIND", kind).replace("Net()", "Net()" if "=" in kind else "Net(True)")


@pytest.mark.parametrize("draw", CHOSEN.values(), ids=CHOSEN)
@pytest.mark.parametrize("kind", ["kind=True", "kind"])
def test_a_draw_that_a_setting_chooses_is_not_accused(draw: str, kind: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": module(draw, kind)})) == []


@pytest.mark.parametrize("draw", ALONE.values(), ids=ALONE)
@pytest.mark.parametrize("kind", ["kind=True", "kind"])
def test_a_draw_without_another_beside_it_is_named_once(draw: str, kind: str, tmp_path: Path) -> None:
    # What the mean scales has no law of its own: that the noise has a factor is part of the same mistake.
    assert codes(linted(tmp_path, {"net.py": module(draw, kind)})) == ["VAE207"]


def test_what_is_chosen_and_has_a_name_is_named(tmp_path: Path) -> None:
    draw = f"if self.kind:\n    return m * std + torch.randn_like(std)\nreturn {USUAL}"
    assert codes(linted(tmp_path, {"net.py": module(draw, "kind=True")})) == ["VAE207"]


def test_noise_of_another_law_around_a_scaled_mean_is_named(tmp_path: Path) -> None:
    # The mean stands in its own place: the head for std alone scales the noise.
    draw = "return 2 * m + torch.rand_like(std) * std"
    assert codes(linted(tmp_path, {"net.py": module(draw, "kind=True")})) == ["VAE202"]
