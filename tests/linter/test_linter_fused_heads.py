"""Heads that are fused of two by their precisions, as quotients and products: the draw and the KL read them alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

FUSED = (
    HEAD
    + """

class Fused(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down, self.back = nn.Linear(84, 14), nn.Linear(5, 14), nn.Linear(7, 84)

    def forward(self, x, above):
        m1, s1 = self.up(x).chunk(2, dim=1)
        m2, s2 = self.down(above).chunk(2, dim=1)
        s1, s2 = F.softplus(s1), F.softplus(s2)
        m = (m1 * s2 ** 2 + m2 * s1 ** 2) / (s1 ** 2 + s2 ** 2 + 1e-9)
        s = {scale}
        return self.back(m + {std} * torch.randn_like(m)), m, s


def fit(loader):
    model = Fused()
    optimizer = torch.optim.Adam(model.parameters())
    for x, above in loader:
        y, m, s = model(x, above)
        kl = torch.sum((s ** 2 + m ** 2) / 2.0 - torch.log(s + 1e-9) - 0.5)
        optimizer.zero_grad()
        (F.binary_cross_entropy_with_logits(y, x, reduction="sum") + kl).backward()
        optimizer.step()
"""
)
SCALES = {
    "a quotient": "(s1 * s2) / (torch.sqrt(s1 ** 2 + s2 ** 2) + 1e-9)",
    "a product": "s1 * s2 * torch.rsqrt(s1 ** 2 + s2 ** 2)",
    "a negated quotient": "-(s1 * s2) / -torch.sqrt(s1 ** 2 + s2 ** 2)",
}


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
def test_a_draw_of_fused_heads_is_joined_with_their_kl(scale: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": FUSED.format(scale=scale, std="s")})
    assert joined(report)
    assert codes(report) == []


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
def test_a_fused_std_that_is_drawn_with_as_another_is_named(scale: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": FUSED.format(scale=scale, std="torch.exp(0.5 * s)")})
    assert "VAE201" in codes(report)
