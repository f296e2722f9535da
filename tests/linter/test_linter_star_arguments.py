"""A loss that takes all that a forward returns as `*inputs`, and the input behind it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, MODEL, STATISTICS, codes, linted

NET = (
    HEAD
    + MODEL
    + """
    def forward(self, x):
        m, s = self.encode(x)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), (m, s)

    def loss_function(self, *inputs, **options):
        y, (m, s) = inputs[0], inputs[1]
        x = inputs[{place}]
        kl = (-0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)).mean()
        return {{"loss": F.binary_cross_entropy({order}, reduction="sum").div(x.size(0)) + kl}}
"""
)


@pytest.mark.parametrize(
    ("place", "order", "expected"),
    [
        (2, "y, x", []),
        (2, "x, y", ["VAE404"]),
        # What the caller hands over further on is not known.
        (3, "y, x", []),
    ],
)
def test_the_input_follows_what_forward_returns(place: int, order: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": NET.format(place=place, order=order)})) == expected


@pytest.mark.parametrize(("named", "expected"), [("parts", []), ("raw", ["VAE504"])])
def test_what_comes_after_a_parameter_that_is_named_keeps_its_default(
    named: str, expected: list[str], tmp_path: Path
) -> None:
    assert (
        codes(linted(tmp_path, {"net.py": STATISTICS.replace("{arguments}", f"*out['statistics'], {named}=True")}))
        == expected
    )
