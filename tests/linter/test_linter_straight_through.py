"""Straight-through outputs: what is added with a gradient and taken away without one leaves the value as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, LAYERS, LAYERS_FORWARD, codes, linted

DECODED = """
    def decode(self, z):
        p = {squashed}
        return {last}
"""
HARD = {
    "rounded": "p.round() - p.detach() + p",
    "rounded, apart": "p + (p.round() - p).detach()",
    "a threshold": "(p > 0.5).float() - p.detach() + p",
    "a threshold, first": "p - p.detach() + (p > 0.5).float()",
    "drawn": "(torch.bernoulli(p) - p).detach() + p",
    "drawn, without a gradient": "torch.bernoulli(p).detach() + p - p.detach()",
    "taken off twice": "p - (p - p.round()).detach()",
    "nothing else": "p.detach() + (p - p.detach())",
    "minus what is taken away": "-(p.detach() - p) + p.round()",
}
LEAVES = {
    "moved": "p.round() - 0.5 * p.detach() + p",
    "twice": "p.round() + p.detach() + p",
    "taken away alone": "p.round() - p.detach()",
    "of another": "p.round() - p.detach() + self.back(z)",
}


def net(last: str, squashed: str = "torch.sigmoid(self.back(z))", loss: str = "binary_cross_entropy") -> str:
    forward = LAYERS_FORWARD.replace("self.back(m + ", "self.decode(m + ")
    decoder = DECODED.format(last=last, squashed=squashed)
    return HEAD + LAYERS + decoder + forward + FIT.replace("F.mse_loss", f"F.{loss}")


@pytest.mark.parametrize("last", HARD.values(), ids=HARD)
def test_a_straight_through_output_lies_where_the_hard_one_does(last: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": net(last)})
    assert codes(report) == []
    assert any("VAE402" in each.clean for each in report.judgements)


@pytest.mark.parametrize("last", LEAVES.values(), ids=LEAVES)
def test_what_is_left_over_still_counts(last: str, tmp_path: Path) -> None:
    assert "VAE402" in codes(linted(tmp_path, {"net.py": net(last)}))


def test_a_hard_output_that_is_no_probability_is_named(tmp_path: Path) -> None:
    text = net("torch.sign(p) - p.detach() + p", squashed="torch.tanh(self.back(z))")
    assert "VAE402" in codes(linted(tmp_path, {"net.py": text}))
