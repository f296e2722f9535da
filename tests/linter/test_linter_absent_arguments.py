"""A loss that may be called without its arguments: with None nothing is computed, and it is no head of a posterior."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, codes, linted

LOSS = """
    def loss(self, seen=None, shown=None, words=None, said=None, mu=None, logvar=None):
        if shown is not None and seen is not None:
            error = F.mse_loss(shown, seen, reduction="sum")
        if said is not None and words is not None:
            spoken = F.mse_loss(said, words, reduction="sum")
        kl = -0.5 * torch.sum(1 + logvar {sign} mu ** 2 - logvar.exp(), dim=1).sum()
        if said is not None and words is not None:
            return error + spoken + self.weight * kl
        return {total}
"""
TOTALS = {
    "weighed": "self.weight * kl + error",
    "after": "error + self.weight * kl",
    "of parts": "{'total': error + self.weight * kl.mean(), 'kl': kl}",
}
WEIGHED = LAYERS.replace("(self):", "(self, weight=0.01):") + "        self.weight = weight\n"


@pytest.mark.parametrize("total", TOTALS)
def test_a_sum_with_what_is_bound_elsewhere_alone_is_no_kl(total: str, tmp_path: Path) -> None:
    text = HEAD + WEIGHED + LOSS.replace("{total}", TOTALS[total])
    good, bad = text.replace("{sign}", "-"), text.replace("{sign}", "+")
    assert codes(linted(tmp_path, {"good.py": good})) == []
    assert "VAE301" in codes(linted(tmp_path / "other", {"bad.py": bad}))
