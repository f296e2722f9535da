"""How many entries one of several results has is the batch size, though it is picked by a number."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

STARRED = (
    HEAD
    + """

class Loss(nn.Module):
    def forward(self, input, target):
        y, *rest = input
        error = F.mse_loss(y, target, reduction="sum")
        error = error / target.size(0)
        return error + self.divergence(*rest)

    def divergence(self, z, heads):
        m, s = heads
        kl = (-0.5 * (1 + s - m.pow(2) - s.exp())).sum()
        return kl / {divisor}
"""
)
RESULTS = (
    HEAD
    + """

def loss(out, target):
    y, m, s = out[0], out[2], out[3]
    error = F.mse_loss(y, target, reduction="sum") / target.shape[0]
    return error + (-0.5 * (1 + s - m.pow(2) - s.exp())).sum() / {divisor}
"""
)


@pytest.mark.parametrize(
    ("text", "divisor", "named"),
    [
        (STARRED, "z.size(0)", []),
        (STARRED, "len(z)", []),
        (STARRED, "m.size(0)", []),
        (STARRED, "1.0", ["VAE504"]),
        (RESULTS, "out[1].size(0)", []),
        (RESULTS, "len(out[1])", []),
        (RESULTS, "out[2].shape[0]", []),
        (RESULTS, "1.0", ["VAE504"]),
    ],
)
def test_the_size_of_one_of_several_results_is_the_batch_size(
    text: str, divisor: str, named: list[str], tmp_path: Path
) -> None:
    assert codes(linted(tmp_path, {"loss.py": text.format(divisor=divisor)})) == named
