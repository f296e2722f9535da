"""Ranges that an operation keeps, or that a number which is not known sets."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

TEXT = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, limit):
        super().__init__()
        self.limit = limit
        self.to_m, self.to_s = nn.Linear(84, 7), nn.Linear(84, 7)
        self.back = nn.Sequential(nn.Linear(7, 21), nn.Unflatten(1, (1, 3, 7)), nn.ConvTranspose2d(1, 1, 1))

    def forward(self, x):
        h = {picture}.flatten(1)
        m, s = self.to_m(h), self.to_s(h)
        {head}
        y = {output}
        error = {error}(y, x, reduction="none").flatten(1).sum(1)
        return error{kl}
"""
)
PLAIN = {
    "picture": "x",
    "head": "pass",
    "output": "F.interpolate(self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), scale_factor=2)",
    "error": "F.binary_cross_entropy_with_logits",
    "kl": " - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)",
}
BOUNDED = PLAIN["output"].replace("self.back", "torch.sigmoid(self.back").replace("(s))", "(s)))")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"output": BOUNDED}, ["VAE401"]),
        ({"output": BOUNDED.replace("=2)", "=2, mode='bilinear')")}, ["VAE401"]),
        # A bicubic interpolation goes beyond the values between which it lies.
        ({"output": BOUNDED.replace("=2)", "=2, mode='bicubic')"), "error": "F.binary_cross_entropy"}, []),
        ({"picture": "F.avg_pool2d(F.relu(x), 2)"}, []),
        ({"head": "s = torch.tanh(s)"}, ["VAE204"]),
        ({"head": "s = torch.tanh(s)", "kl": ""}, ["VAE204"]),
        # Limits of its own around 0 are chosen; an activation as it is, or one that is scaled alone, are not.
        ({"head": "s = torch.sigmoid(s) * 4 - 2"}, []),
        ({"head": "s = 1.8 * torch.tanh(s)", "kl": ""}, []),
        ({"head": "s = 2 * torch.sigmoid(s)"}, ["VAE204"]),
        ({"head": "s = self.limit.of_s * torch.tanh(s / self.limit.of_s)"}, []),
        ({"head": "s = self.limit.of_s * torch.tanh(s / self.limit.of_s)", "kl": ""}, []),
    ],
)
def test_a_range_is_kept_or_not_known(changed: dict[str, str], expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": TEXT.format(**{**PLAIN, **changed})})) == expected
