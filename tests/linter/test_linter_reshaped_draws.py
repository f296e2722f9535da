"""Noise that is drawn over a tensor of a shape, or in one row and put in shape then: which samples share it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, LAYERS, codes, linted

from vae_checked.reports import all_examined

NET = (
    HEAD
    + LAYERS
    + """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        std = torch.exp({half}s)
        {before}
        return self.back(m + {eps} * std), m, s
"""
    + FIT
)
OWN = {
    "zeros of a shape": "torch.zeros(std.size()).normal_()",
    "zeros of all sizes": "torch.zeros(*std.shape).normal_()",
    "on a device": "torch.zeros(std.size(), device=std.device).normal_(0, 1)",
    "ones": "torch.ones(std.shape).normal_()",
    "a number": "torch.full(std.shape, 3.0).normal_()",
    "new": "std.new_zeros(std.size()).normal_()",
    "its data": "torch.zeros(std.size()).data.normal_()",
    "reshaped": "torch.from_numpy(np.random.randn(x.shape[0] * 7).reshape(x.shape[0], 7)).float()",
    "a copy": "torch.tensor(np.random.normal(size=len(x) * 7).reshape((x.size(0), 7)), dtype=torch.float32)",
    "by a function": "torch.as_tensor(np.reshape(np.random.randn(x.shape[0] * 7), (x.shape[0], 7)))",
    "a view": "torch.randn(x.shape[0] * 7).view(x.shape[0], 7)",
    "NumPy's generator": 'torch.tensor(np.random.default_rng(3).normal(size=(x.shape[0], 7)).astype("float32"))',
    "NumPy's state": "torch.from_numpy(np.random.RandomState(3).randn(x.shape[0], 7)).float()",
}
SHARED = {
    "zeros of the latents": "torch.zeros(7).normal_()",
    "zeros of one row": "torch.zeros(1, 7).normal_()",
    "one row": "torch.from_numpy(np.random.randn(7).reshape(1, 7)).float()",
}
OPEN = {
    "as many rows as come of it": "torch.randn(m.shape[1]).view(-1, 7)",
    "zeros of as many": "torch.zeros(x.shape[0] * 7).view(-1, 7).normal_()",
}


def judged(folder: Path, eps: str, half: str = "0.5 * ", before: str = "pass") -> tuple[list[str], bool]:
    """The mistakes that are found, and whether each sample is said to have noise of its own."""
    report = linted(folder, {"net.py": NET.format(eps=eps, half=half, before=before)})
    return codes(report), any("VAE203" in each.clean for each in all_examined(report))


@pytest.mark.parametrize("eps", OWN.values(), ids=OWN)
def test_each_sample_has_noise_of_its_own(eps: str, tmp_path: Path) -> None:
    assert judged(tmp_path, eps) == ([], True)
    assert judged(tmp_path, eps, half="")[0] == ["VAE201"]


def test_a_tensor_that_is_filled_in_a_line_of_its_own(tmp_path: Path) -> None:
    for filled in ("eps.normal_()", "eps.data.normal_()"):
        assert judged(tmp_path, "eps", before=f"eps = torch.zeros(std.size())\n        {filled}") == ([], True)


@pytest.mark.parametrize("eps", SHARED.values(), ids=SHARED)
def test_one_row_of_noise_is_that_of_all_samples(eps: str, tmp_path: Path) -> None:
    assert judged(tmp_path, eps) == (["VAE203"], False)


@pytest.mark.parametrize("eps", OPEN.values(), ids=OPEN)
def test_how_many_rows_are_drawn_may_not_be_known(eps: str, tmp_path: Path) -> None:
    assert judged(tmp_path, eps) == ([], False)


def test_uniform_noise_over_zeros_is_named(tmp_path: Path) -> None:
    assert judged(tmp_path, "torch.zeros(std.size()).uniform_()")[0] == ["VAE202"]
