"""A divisor of the error that is called a weight of the KL, and that callers set to the batch size."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, MODEL, codes, linted

SCRIPT = (
    HEAD
    + MODEL
    + """
    def forward(self, x):
        m, s = self.encode(x)
        return [self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), x, m, s]

    def loss_function(self, *args, **kwargs):
        y, x, m, s = args[0][0], args[0][1], args[0][2], args[0][3]
        kld_weight, beta = kwargs["number"], kwargs["beta"]
        error = F.mse_loss(y, x, reduction="sum")
        kl = torch.mean(-0.5 * torch.sum(1 + s - m**2 - s.exp(), dim=1), dim=0)
        return {"loss": LOSS, "error": error, "kl": kl}
"""
)


@pytest.mark.parametrize(
    ("loss", "found"),
    [
        ("error.div(kld_weight) + 1000.0 * kl", []),
        ("error / kld_weight + kl", []),
        ("error + kld_weight * kl", ["VAE504"]),
        ("error / beta + kl", ["VAE504"]),
    ],
)
def test_what_divides_the_error_may_be_the_batch_size(loss: str, found: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": SCRIPT.replace("LOSS", loss)})) == found
