"""A draw that is written over another one has its sizes: `torch.randn(std.size()).normal_()` is one draw for each."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, LAYERS, codes, linted

from vae_checked.reports import all_examined

FORWARD = """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        std = torch.exp(0.5 * s)
        return self.back(m + {noise} * std), m, s
"""
DRAWS = {
    "sizes of the std": ("torch.randn(std.size()).normal_()", []),
    "on a device": ("torch.randn(std.shape).cuda().normal_()", []),
    "over what is uniform": ("torch.rand(std.size()).normal_()", []),
    "like the mean": ("torch.rand_like(m).normal_()", []),
    "uniform over what is normal": ("torch.randn(std.size()).uniform_()", ["VAE202"]),
    "a row for all": ("torch.randn(1, 7).normal_()", ["VAE203"]),
    "one for each latent": ("torch.randn(std.size(1)).normal_()", ["VAE203"]),
    "by an initialiser": ("nn.init.trunc_normal_(torch.rand(1, 7), a=-9, b=9)", ["VAE203"]),
}


@pytest.mark.parametrize(("noise", "expected"), DRAWS.values(), ids=DRAWS)
def test_a_draw_over_a_draw_has_its_sizes(noise: str, expected: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": HEAD + LAYERS + FORWARD.format(noise=noise) + FIT})
    (vae,) = all_examined(report)
    assert codes(report) == expected
    assert vae.core_checked
