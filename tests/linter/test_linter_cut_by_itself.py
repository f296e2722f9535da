"""What is left out of a value where it is compared, as a ReLU by hand: where it lies then is not known."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, LAYERS, codes, linted

NET = (
    HEAD
    + LAYERS
    + """
    def forward(self, x):
        h, s = self.to_m(x), self.to_s(x)
        m = {mean}
        h = self.back(m + torch.exp(0.5 * s) * torch.randn_like(m))
        return {output}, m, s
"""
    + FIT
)
CUT = {
    "chosen": "torch.where(h > 0, h, torch.zeros_like(h))",
    "chosen a number": "torch.where(h > 0, h, 0.0)",
    "chosen the other way round": "torch.where(h < 0, torch.zeros_like(h), h)",
    "multiplied": "h * (h > 0)",
    "multiplied by what is cast": "h * (h > 0).float()",
    "multiplied from the left": "(0 < h) * h",
    "chosen by a function": "torch.where(torch.gt(h, 0), h, torch.zeros_like(h))",
    "chosen by a method": "torch.where(h.ge(0), h, 0.0)",
    "chosen by its arguments' names": "torch.where(torch.less(input=h, other=0), 0.0, h)",
    "multiplied by a method": "h * h.gt(0).float()",
    "folded": "torch.where(h > 0, h, -h)",
    "folded by a method": "torch.where(h.lt(0), -2 * h, h)",
}
WHOLE = {
    "with a slope": "torch.where(h > 0, h, 0.1 * h)",
    "by another value": "torch.where(s > 0, h, -h)",
    "by another value, with a method": "torch.where(s.gt(0), h, -h)",
    "with a slope, by a method": "torch.where(h.gt(0), h, 0.1 * h)",
    "masked by another value": "h * s.gt(0)",
    "doubled": "h * 2",
    "by a layer": "F.leaky_relu(h)",
}


@pytest.mark.parametrize("cut", CUT.values(), ids=CUT)
def test_a_mean_that_is_cut_by_itself_is_open(cut: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(mean=cut, output="h")})
    assert codes(report) == []
    assert not any("VAE204" in vae.clean for vae in report.vaes)


@pytest.mark.parametrize("whole", WHOLE.values(), ids=WHOLE)
def test_a_mean_that_is_whole_is_clean(whole: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(mean=whole, output="h")})
    assert codes(report) == []
    assert any("VAE204" in vae.clean for vae in report.vaes)


@pytest.mark.parametrize("cut", CUT.values(), ids=CUT)
def test_a_sigmoid_of_what_is_cut_by_itself_is_open(cut: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(mean="h", output=f"torch.sigmoid({cut})")})
    assert codes(report) == []
    assert not any("VAE406" in vae.clean for vae in report.vaes)


@pytest.mark.parametrize("output", ["torch.sigmoid(h)", "torch.sigmoid(0.5 * h)"])
def test_a_sigmoid_of_any_number_is_clean(output: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(mean="h", output=output)})
    assert codes(report) == []
    assert any("VAE406" in vae.clean for vae in report.vaes)


def test_a_relu_is_named(tmp_path: Path) -> None:
    text = NET.format(mean="F.relu(h)", output="torch.sigmoid(F.relu(h))")
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE204", "VAE406"]


def test_what_is_bounded_is_not_taken_beyond_its_bounds(tmp_path: Path) -> None:
    output = "torch.where(h.sigmoid() > 0.5, h.sigmoid(), torch.zeros_like(h))"
    text = NET.format(mean="h", output=output).replace(
        'F.mse_loss(y, x, reduction="none")', "F.binary_cross_entropy(y, x, reduction='none')"
    )
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == []
    assert any("VAE402" in vae.clean for vae in report.vaes)
