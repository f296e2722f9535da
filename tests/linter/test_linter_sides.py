"""Height and width in the source: swapped on the way in is a mistake, swapped in what is compared tells nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.layout_facts import AxisOrder
from vae_checked.linter import LintReport, lint

SPECTROGRAMS = """\
import torch
from torch import nn
from torch.nn import functional as F


class SpectrogramVAE(nn.Module):
    def __init__(self, channels=1, width=7):
        super().__init__()
        self.first = nn.Conv2d(channels, 5, kernel_size=3, padding=1)
        self.to_mu = nn.Linear(5 * 10 * 14, width)
        self.to_logvar = nn.Linear(5 * 10 * 14, width)
        self.from_z = nn.Linear(width, 5 * 10 * 14)
        self.last = nn.Conv2d(5, channels, kernel_size=3, padding=1)

    def forward(self, sound):
        h = F.elu(self.first({enter})).flatten(1)
        mu, logvar = self.to_mu(h), self.to_logvar(h)
        z = mu + torch.randn_like(mu) * logvar.mul(0.5).exp()
        drawn = self.last(self.from_z(z).relu().view(-1, 5, 10, 14))
        error = F.mse_loss({drawn}, {target}, reduction="sum")
        divergence = 0.5 * (mu ** 2 + logvar.exp() - logvar - 1).sum()
        return (error + divergence) / sound.size(0)
"""
SWAPS = ("{}.permute(0, 1, 3, 2)", "{}.transpose(2, 3)", "{}.transpose(-1, -2).contiguous()", "{}.swapaxes(3, 2)")
LAST = "sound.permute(0, 3, 1, 2)"


def read(folder: Path, enter: str, drawn: str, target: str) -> LintReport:
    path = folder / "model.py"
    path.write_text(SPECTROGRAMS.format(enter=enter, drawn=drawn, target=target), encoding="utf-8")
    return lint([path])


def orders(report: LintReport) -> set[AxisOrder]:
    return {facts.data.axis_order.value for facts in report.facts if facts.data.axis_order is not None}


@pytest.mark.parametrize("swap", SWAPS)
@pytest.mark.parametrize(
    ("enter", "drawn", "target"),
    [
        ("sound", "{swapped drawn}", "sound"),
        ("sound * 2", "{swapped drawn}", "sound"),
        ("sound", "drawn", "{swapped sound}"),
        ("sound.view(-1, 1, 14, 10)", "{swapped drawn}", "sound"),
        (LAST, "drawn.permute(0, 3, 2, 1)", "sound"),
        (LAST, "drawn", "sound.permute(0, 3, 2, 1)"),
        (LAST, "{swapped drawn}", LAST),
    ],
)
def test_sides_swapped_where_they_are_compared_are_silent(
    enter: str, drawn: str, target: str, swap: str, tmp_path: Path
) -> None:
    drawn = drawn.replace("{swapped drawn}", swap.format("drawn"))
    target = target.replace("{swapped sound}", swap.format("sound"))
    report = read(tmp_path, enter, drawn, target)
    assert report.findings == ()
    # Not clean either: the data may come in with their sides swapped, and a view may move them.
    assert orders(report) == (set() if "view" in enter else {AxisOrder.NC_OPEN})


@pytest.mark.parametrize("swap", SWAPS)
def test_sides_swapped_on_both_sides_of_a_loss_are_silent(swap: str, tmp_path: Path) -> None:
    report = read(tmp_path, "sound", swap.format("drawn"), swap.format("sound"))
    assert report.findings == ()
    assert orders(report) == {AxisOrder.NCHW}


@pytest.mark.parametrize("swap", SWAPS)
def test_sides_swapped_on_the_way_in_are_left_as_they_come(swap: str, tmp_path: Path) -> None:
    (finding,) = read(tmp_path, swap.format("sound"), "drawn", "sound").findings
    assert finding.code == "VAE103"
    assert "permute" not in finding.fix
    assert "left as they are" in finding.fix


@pytest.mark.parametrize(
    ("enter", "drawn", "target"),
    [
        ("sound.permute(0, 3, 2, 1)", "drawn", LAST),
        ("sound.transpose(1, 3)", "drawn.permute(0, 2, 3, 1)", "sound"),
    ],
)
def test_sides_of_channels_last_swapped_on_the_way_in_are_named(
    enter: str, drawn: str, target: str, tmp_path: Path
) -> None:
    (finding,) = read(tmp_path, enter, drawn, target).findings
    assert finding.code == "VAE103"
    assert finding.fix.endswith(".permute(0, 3, 1, 2)")


@pytest.mark.parametrize("swap", SWAPS)
def test_sides_swapped_on_the_way_in_and_out_are_one_convention(swap: str, tmp_path: Path) -> None:
    report = read(tmp_path, swap.format("sound"), swap.format("drawn"), "sound")
    assert report.findings == ()
    assert orders(report) == {AxisOrder.NCHW}


def test_a_view_of_channels_last_is_still_named(tmp_path: Path) -> None:
    report = read(tmp_path, "sound.view(-1, 3, 10, 14)", "drawn.permute(0, 2, 3, 1)", "sound")
    assert [finding.code for finding in report.findings] == ["VAE101"]
