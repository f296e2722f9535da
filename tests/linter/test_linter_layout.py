"""Layout in the source: axes relabelled, exchanged or left last, samples mixed, shapes that only broadcast."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.layout_facts import AxisOrder
from vae_checked.linter import LintReport, lint

PICTURES = """\
import torch
from torch import nn
from torch.nn import functional as F


class PictureVAE(nn.Module):
    def __init__(self, channels=3, width=7):
        super().__init__()
        self.first = nn.Conv2d({taken}, 5, kernel_size=3, padding=1)
        self.to_mu = nn.Linear(5 * 10 * 14, width)
        self.to_logvar = nn.Linear(5 * 10 * 14, width)
        self.from_z = nn.Linear(width, 5 * 10 * 14)
        self.last = nn.Conv2d(5, channels, kernel_size=3, padding=1)

    def encode(self, pictures):
{enter}
        h = F.elu(self.first(h)).flatten(1)
        return self.to_mu(h), self.to_logvar(h)

    def decode(self, z):
        h = self.last(self.from_z(z).relu().view(-1, 5, 10, 14)).sigmoid()
        return {leave}

    def forward(self, pictures):
        mu, logvar = self.encode(pictures)
        z = mu + torch.randn_like(mu) * logvar.mul(0.5).exp()
        drawn = self.decode(z)
        error = ((drawn - pictures) ** 2).flatten(1).sum(1)
        divergence = 0.5 * (mu ** 2 + logvar.exp() - logvar - 1).sum(1)
        return (error + divergence).mean()
"""
LEAVES = ("h.permute(0, 2, 3, 1)", "torch.permute(h, (0, 2, 3, 1))", "h.movedim(1, -1)", "h.moveaxis(1, 3)")
RIGHT = (
    "        h = pictures.permute(0, 3, 1, 2)",
    "        h = torch.permute(pictures, dims=(0, 3, 1, 2))",
    "        h = pictures.movedim(-1, 1)",
    "        h = pictures.transpose(1, 3).transpose(2, 3)",
    "        h = pictures.float().permute([0, 3, 1, 2]).contiguous()",
)
RELABELLED = (
    "        n, rows, columns, colours = pictures.shape\n        h = pictures.view(n, colours, rows, columns)",
    "        h = pictures.reshape(pictures.size(0), pictures.size(3), pictures.size(1), pictures.size(2))",
    "        s = pictures.shape\n        h = torch.reshape(pictures, (s[0], s[3], s[1], s[2]))",
    "        a, b, c, d = pictures.size()\n        h = (pictures * 2).view(-1, d, b, c)",
    "        h = pictures.contiguous().view(-1, 3, 10, 14)",
)
EXCHANGED = (
    "        h = pictures.permute(0, 3, 2, 1)",
    "        h = pictures.transpose(1, 3)",
    "        h = pictures.swapaxes(-1, -3).contiguous()",
    "        h = pictures.movedim(-1, 1).transpose(2, 3)",
    "        h = torch.transpose(pictures, 3, 1)",
)
LAST = (
    "        h = pictures",
    "        h = pictures.float()",
    "        h = pictures.contiguous() * 2 - 1",
    "        h = pictures.permute(0, 3, 1, 2).permute(0, 2, 3, 1)",
    "        h = torch.movedim(pictures, 3, 3)",
)


def read(folder: Path, text: str) -> LintReport:
    path = folder / "model.py"
    path.write_text(text, encoding="utf-8")
    return lint([path])


def codes(report: LintReport) -> set[str]:
    return {finding.code for finding in report.findings}


def orders(report: LintReport) -> set[AxisOrder]:
    return {facts.data.axis_order.value for facts in report.facts if facts.data.axis_order is not None}


@pytest.mark.parametrize("leave", LEAVES)
@pytest.mark.parametrize("enter", RIGHT)
def test_channels_moved_to_the_front_are_seen_and_silent(enter: str, leave: str, tmp_path: Path) -> None:
    report = read(tmp_path, PICTURES.format(taken="channels", enter=enter, leave=leave))
    assert orders(report) == {AxisOrder.NCHW}
    assert report.findings == ()


@pytest.mark.parametrize("enter", RELABELLED)
def test_a_view_that_relabels_is_named(enter: str, tmp_path: Path) -> None:
    report = read(tmp_path, PICTURES.format(taken="channels", enter=enter, leave=LEAVES[0]))
    assert codes(report) == {"VAE101"}
    (finding,) = report.findings
    assert finding.place is not None
    assert "view" in finding.place.text or "reshape" in finding.place.text


@pytest.mark.parametrize("enter", EXCHANGED)
def test_exchanged_height_and_width_are_named(enter: str, tmp_path: Path) -> None:
    assert codes(read(tmp_path, PICTURES.format(taken="channels", enter=enter, leave=LEAVES[1]))) == {"VAE103"}


def test_axes_exchanged_on_both_sides_are_one_convention(tmp_path: Path) -> None:
    report = read(tmp_path, PICTURES.format(taken="channels", enter=EXCHANGED[1], leave="h.transpose(1, 3)"))
    assert orders(report) == {AxisOrder.NCHW}
    assert report.findings == ()


@pytest.mark.parametrize("enter", LAST)
def test_channels_left_last_are_named(enter: str, tmp_path: Path) -> None:
    assert codes(read(tmp_path, PICTURES.format(taken="10", enter=enter, leave=LEAVES[2]))) == {"VAE102"}


@pytest.mark.parametrize("leave", ["h", "h.contiguous()", "h.view(-1, channels, 10, 14)"])
def test_nothing_is_said_of_channels_first_pictures(leave: str, tmp_path: Path) -> None:
    report = read(tmp_path, PICTURES.format(taken="channels", enter="        h = pictures", leave=leave))
    assert report.findings == ()
    assert orders(report) <= {AxisOrder.NCHW}


@pytest.mark.parametrize(
    "enter",
    [
        "        h = pictures.view(-1, 3, 10, 14)",
        "        n, c, rows, columns = pictures.shape\n        h = pictures.view(n, c, rows, columns)",
        "        h = pictures.view(pictures.size(0), -1, 10, 14)",
    ],
)
def test_a_view_that_keeps_the_order_is_silent(enter: str, tmp_path: Path) -> None:
    assert read(tmp_path, PICTURES.format(taken="channels", enter=enter, leave="h")).findings == ()


ROWS = """\
import torch
from torch import nn


class RowVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear({taken}, 33)
        self.heads = nn.Linear(33, 2 * 6)
        self.back = nn.Sequential(nn.Linear(6, 33), nn.Tanh(), nn.Linear(33, {made}))

    def forward(self, x):
        h = self.hidden({enter}).tanh()
        mu, logvar = self.heads(h).chunk(2, dim=1)
        z = mu + torch.exp(logvar / 2) * torch.randn_like(mu)
        x_hat = {leave}
        error = (x_hat - {against}).square().flatten(1).sum(1)
        divergence = -0.5 * (1 + logvar - mu * mu - logvar.exp()).sum(1)
        return (error + divergence).mean()
"""
ENTERS = (
    "x.flatten(1)",
    "x.view(-1, 360)",
    "x.reshape(x.shape[0], 360)",
    "torch.flatten(x, 1)",
    "x.view(x.size(0), -1)",
)


def test_two_sides_that_are_cut_alike_have_no_shapes_to_compare(tmp_path: Path) -> None:
    rows = {"taken": 360, "made": 360, "enter": "x.flatten(1)"}
    cut = "torch.sigmoid(self.back(z)).view(-1, 12)"
    assert codes(read(tmp_path, ROWS.format(**rows, leave=cut, against="x.view(-1, 12)"))) == set()
    assert codes(read(tmp_path, ROWS.format(**rows, leave=cut, against="x"))) == {"VAE105"}


@pytest.mark.parametrize("enter", ENTERS)
def test_one_channel_against_three_is_named(enter: str, tmp_path: Path) -> None:
    bad = ROWS.format(taken=360, made=120, enter=enter, leave="self.back(z).view(-1, 1, 10, 12)", against="x")
    good = ROWS.format(taken=360, made=360, enter=enter, leave="self.back(z).view(-1, 3, 10, 12)", against="x")
    assert codes(read(tmp_path, bad)) == {"VAE105"}
    assert read(tmp_path, good).findings == ()


@pytest.mark.parametrize("enter", ENTERS)
def test_flat_output_against_flattened_input_is_silent(enter: str, tmp_path: Path) -> None:
    text = ROWS.format(taken=360, made=360, enter=enter, leave="self.back(z)", against="x.view(-1, 360)")
    report = read(tmp_path, text)
    assert report.findings == ()
    assert any(facts.output.shape is not None for facts in report.facts)


@pytest.mark.parametrize(
    "leave",
    [
        "self.back(z).view(3, -1, 10, 12).transpose(0, 1)",
        "self.back(z).reshape(3, -1, 10, 12).permute(1, 0, 2, 3)",
        "torch.sigmoid(self.back(z)).view(3, -1, 10, 12).swapaxes(0, 1)",
        "torch.reshape(self.back(z), (3, -1, 10, 12)).transpose(1, 0)",
        "self.back(z).view(3, -1, 10, 12).movedim(0, 1)",
    ],
)
def test_a_batch_that_is_counted_among_the_channels_is_named(leave: str, tmp_path: Path) -> None:
    assert codes(read(tmp_path, ROWS.format(taken=360, made=360, enter=ENTERS[0], leave=leave, against="x"))) == {
        "VAE106"
    }


def test_samples_kept_apart_are_seen_to_be(tmp_path: Path) -> None:
    leave = "self.back(z).view(-1, 3, 10, 12)"
    report = read(tmp_path, ROWS.format(taken=360, made=360, enter=ENTERS[0], leave=leave, against="x"))
    (facts,) = [facts for facts in report.facts if facts.output.batch_mixing is not None]
    assert facts.output.batch_mixing is not None
    assert facts.output.batch_mixing.value is None


def test_rows_folded_into_the_batch_and_back_are_silent(tmp_path: Path) -> None:
    text = ROWS.format(
        taken=360,
        made=360,
        enter=ENTERS[0],
        leave="self.back(z).view(-1, 12).sigmoid().view(-1, 360)",
        against="x.flatten(1)",
    )
    assert read(tmp_path, text).findings == ()


CLASSES = """\
import torch
from torch import nn
from torch.nn import functional as F


class PixelClasses(nn.Module):
    def __init__(self, width=7):
        super().__init__()
        self.first = nn.Conv2d(1, 5, kernel_size=3, padding=1)
        self.to_mu = nn.Linear(5 * 10 * 14, width)
        self.to_logvar = nn.Linear(5 * 10 * 14, width)
        self.from_z = nn.Linear(width, 5 * 5 * 7)
        self.grow = {grow}
        self.last = nn.Conv2d(5, 32, kernel_size=1)

    def forward(self, pictures):
        h = F.elu(self.first(pictures)).flatten(1)
        mu, logvar = self.to_mu(h), self.to_logvar(h)
        z = mu + torch.randn_like(mu) * logvar.mul(0.5).exp()
        scores = self.last(self.grow(self.from_z(z).view(-1, 5, 5, 7)))
        levels = (pictures * 31).long()
        error = F.cross_entropy({scores}, {levels}, reduction="sum")
        divergence = 0.5 * (mu ** 2 + logvar.exp() - logvar - 1).sum()
        return (error + divergence) / pictures.size(0)
"""
GROWN = ("nn.Upsample(scale_factor=2)", "nn.ConvTranspose2d(5, 5, 4, 2, 1)")
MIXED_CLASSES = (
    ("scores.view(-1, 32)", "levels.view(-1)"),
    ("scores.reshape(-1, 32)", "levels.flatten()"),
    ("torch.reshape(scores, (-1, 32))", "(pictures.reshape(-1) * 31).long()"),
)
RIGHT_CLASSES = (
    ("scores", "levels.squeeze(1)"),
    ("scores.permute(0, 2, 3, 1).reshape(-1, 32)", "levels.view(-1)"),
    ("scores.view(-1, 32, 140)", "levels.view(-1, 140)"),
)


@pytest.mark.parametrize("grow", GROWN)
@pytest.mark.parametrize(("scores", "levels"), MIXED_CLASSES)
def test_classes_viewed_among_pixels_are_named(grow: str, scores: str, levels: str, tmp_path: Path) -> None:
    report = read(tmp_path, CLASSES.format(grow=grow, scores=scores, levels=levels))
    assert [finding.code for finding in report.findings] == ["VAE101"]
    assert report.findings[0].message.startswith("the axes of the class scores")


@pytest.mark.parametrize(("scores", "levels"), RIGHT_CLASSES)
def test_classes_moved_behind_the_pixels_are_silent(scores: str, levels: str, tmp_path: Path) -> None:
    assert codes(read(tmp_path, CLASSES.format(grow=GROWN[0], scores=scores, levels=levels))) == set()


def test_classes_of_a_single_pixel_are_silent(tmp_path: Path) -> None:
    scores, levels = MIXED_CLASSES[0]
    assert codes(read(tmp_path, CLASSES.format(grow="nn.Conv2d(5, 5, (5, 7))", scores=scores, levels=levels))) == set()


WITHOUT_LOSS = """\
import torch
from torch import nn


class PictureEncoder(nn.Module):
    def __init__(self, width=7):
        super().__init__()
        self.first = nn.Conv2d(3, 5, kernel_size=3, padding=1)
        self.to_mu, self.to_logvar = nn.Linear(5, width), nn.Linear(5, width)
        self.back = nn.Linear(width, 3 * 8 * 12)

    def forward(self, pictures):
        h = self.first({enter}).mean(dim=(2, 3))
        mu, std = self.to_mu(h), torch.exp(0.5 * self.to_logvar(h))
        return self.back(mu + std * torch.randn_like({like})), mu
"""


@pytest.mark.parametrize(
    ("enter", "like", "codes"),
    [
        ("pictures.permute(0, 3, 1, 2)", "std", set()),
        ("pictures.view(-1, 3, 8, 12)", "std", set()),
        (
            "pictures.reshape(pictures.shape[0], pictures.shape[3], pictures.shape[1], pictures.shape[2])",
            "std",
            {"VAE101"},
        ),
        ("pictures", "std[:1]", {"VAE203"}),
        ("pictures", "mu[0:1]", {"VAE203"}),
        ("pictures", "mu[0]", {"VAE203"}),
        ("pictures", "std[:, :1]", {"VAE203"}),
        ("pictures", "mu[:, :]", set()),
        ("pictures", "std[:5]", set()),
        ("pictures", "std[None][0]", set()),
        ("pictures", "h[:1, :7]", set()),
    ],
)
def test_a_model_without_a_loss_is_read_as_far_as_it_tells(
    tmp_path: Path, enter: str, like: str, codes: set[str]
) -> None:
    path = tmp_path / "encoder.py"
    path.write_text(WITHOUT_LOSS.format(enter=enter, like=like), encoding="utf-8")
    assert {each.code for each in lint([path]).findings} == codes
