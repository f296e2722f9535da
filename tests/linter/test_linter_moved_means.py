"""A z about another mean, or with another head for std, than its KL is of: neither of the two is called clean."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import KL, codes, linted

TEXT = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.back = nn.Linear(91, 33), nn.Linear(7, 91)
        self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7)
        self.norm, self.drop, self.turn = nn.BatchNorm1d(7), nn.Dropout(0.1), nn.Linear(7, 7)

    def draw(self, m, s):
        return MEAN + torch.exp(0.5 * s) * torch.randn_like(s)

    def forward(self, x):
        h = torch.relu(self.trunk(x))
        m, s = self.to_m(h), self.to_s(h)
        HEADS
        return self.back(self.draw(m, s)), m, s


def train(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        y, m, s = net(x)
        MOVED
        loss = (F.mse_loss(y, x, reduction="none").sum(1) + KL).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
""".replace("KL", KL)
OTHERS = (
    "self.norm(m)",
    "self.drop(m)",
    "self.turn(m)",
    "m + torch.sin(m)",
    "2 * m",
    "F.layer_norm(m, (7,))",
    "m - m.mean(0)",
)


def text(mean: str = "m", heads: str = "", moved: str = "") -> str:
    return TEXT.replace("MEAN", mean).replace("HEADS", heads or "pass").replace("MOVED", moved or "pass")


def is_clean(folder: Path, module: str, code: str) -> bool:
    report = linted(folder, {"net.py": module})
    assert codes(report) == []
    assert report.judgements
    return all(code in each.clean for each in report.judgements)


@pytest.mark.parametrize("mean", OTHERS)
def test_z_about_what_is_made_of_the_mean_of_the_kl_is_open(mean: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": text(mean)})
    assert codes(report) == []
    assert report.judgements
    for each in report.judgements:
        assert not {"VAE201", "VAE207", "VAE301"} & {*each.clean}
        assert "VAE202" in each.clean


@pytest.mark.parametrize("mean", ["m", "m * 1.0", "m.clamp(-20, 20)", "m.view(-1, 7)"])
def test_z_about_the_mean_of_the_kl_is_clean(mean: str, tmp_path: Path) -> None:
    assert is_clean(tmp_path, text(mean), "VAE207")
    assert is_clean(tmp_path, text(mean), "VAE301")


@pytest.mark.parametrize("mean", ["self.norm(m)", "self.turn(m)"])
def test_z_and_kl_of_one_mean_behind_a_layer_are_clean(mean: str, tmp_path: Path) -> None:
    assert is_clean(tmp_path, text(heads=f"m = {mean}"), "VAE207")


def test_a_kl_of_what_is_made_of_the_mean_is_open(tmp_path: Path) -> None:
    assert not is_clean(tmp_path, text(moved="m = net.norm(m)"), "VAE301")
    # To a prior about 1, whatever the width.
    assert is_clean(tmp_path, text(moved="m = m - 1.0"), "VAE207")


def drawn_with(std: str, mean: str = "m", moved: str = "") -> str:
    return text(mean, moved=moved).replace("torch.exp(0.5 * s)", std)


WIDTHS = ("self.norm(s)", "self.drop(s)", "self.turn(s)", "F.layer_norm(s, (7,))", "(s - s.mean(0))")


@pytest.mark.parametrize("head", WIDTHS)
@pytest.mark.parametrize("std", ["torch.exp(0.5 * {})", "torch.exp({})", "F.softplus({})"])
def test_z_with_what_is_made_of_the_head_of_the_kl_is_open(std: str, head: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": drawn_with(std.format(head))})
    assert codes(report) == []
    trained = [each for each in report.judgements if each.subject.endswith("train")]
    assert trained
    for each in trained:
        assert not {"VAE201", "VAE207", "VAE301"} & {*each.clean}
        assert "VAE202" in each.clean


def test_a_kl_of_what_is_made_of_the_head_is_open(tmp_path: Path) -> None:
    assert not is_clean(tmp_path, text(moved="s = net.norm(s)"), "VAE301")


@pytest.mark.parametrize("std", ["torch.exp(0.5 * s.clamp(-20, 20))", "s.exp().sqrt()", "(0.5 * s.view(-1, 7)).exp()"])
def test_z_with_the_head_of_the_kl_is_clean(std: str, tmp_path: Path) -> None:
    for code in ("VAE201", "VAE207", "VAE301"):
        assert is_clean(tmp_path, drawn_with(std), code)


def test_another_reading_of_the_same_head_is_still_named(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": drawn_with("torch.exp(s)")})) == ["VAE201"]
