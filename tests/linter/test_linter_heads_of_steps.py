"""Heads of each step of a sequence have three axes: a sum over two of them, with a mean, is no sum over the latents."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

from vae_checked.linter import LintReport

MODEL = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = {trunk}
        self.to_m, self.to_s, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 91)

    def forward(self, x):
        {made}
        m, s = self.to_m(h), self.to_s(h)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s

    def cost(self, x, y, m, s):
        error = F.mse_loss(y, x, reduction="sum") / x.size(0)
        return error + (-0.5 * (1 + s - m.pow(2) - s.exp())){reduced}


def train(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        loss = net.cost(x, *net(x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
OF_STEPS = {
    "all outputs of an LSTM": ("nn.LSTM(91, 33, batch_first=True)", "h, _ = self.trunk(x)"),
    "all outputs of a GRU, bent": ("nn.GRU(91, 33, batch_first=True)", "h = torch.tanh(self.trunk(x)[0])"),
    "a transformer": ("nn.TransformerEncoder(nn.TransformerEncoderLayer(33, 3), 2)", "h = self.trunk(x)"),
}
OF_ROWS = {
    "the last step": ("nn.LSTM(91, 33, batch_first=True)", "h = self.trunk(x)[0][:, -1]"),
    "the last state": ("nn.LSTM(91, 33, batch_first=True)", "_, (h, _) = self.trunk(x); h = h[-1]"),
    "the last state, without its first axis": (
        "nn.GRU(91, 33, batch_first=True)",
        "_, h = self.trunk(x); h = h.squeeze(0)",
    ),
    "the mean of all steps": ("nn.LSTM(91, 33, batch_first=True)", "h = self.trunk(x)[0].mean(dim=1)"),
    "a cell": ("nn.GRUCell(91, 33)", "h = self.trunk(x)"),
    "a linear layer": ("nn.Linear(91, 33)", "h = torch.relu(self.trunk(x))"),
}
WHOLE = [".sum() / len(x)", ".mean()"]


def read(tmp_path: Path, of: tuple[str, str], reduced: str) -> LintReport:
    trunk, made = of
    return linted(tmp_path, {"a.py": MODEL.format(trunk=trunk, made=made, reduced=reduced)})


def is_clean(report: LintReport, code: str) -> bool:
    return any(code in each.clean for each in report.vaes)


@pytest.mark.parametrize("reduced", [".sum(dim=1).mean()", ".sum(dim=1).mean(dim=0)", ".sum(dim=[0, 1]).mean()"])
@pytest.mark.parametrize("name", OF_STEPS)
def test_a_sum_over_some_axes_of_steps_is_open(name: str, reduced: str, tmp_path: Path) -> None:
    report = read(tmp_path, OF_STEPS[name], reduced)
    assert "VAE304" not in codes(report)
    assert not is_clean(report, "VAE304")


@pytest.mark.parametrize("reduced", WHOLE)
@pytest.mark.parametrize("name", OF_STEPS)
def test_one_reduction_of_all_axes_is_clean(name: str, reduced: str, tmp_path: Path) -> None:
    assert is_clean(read(tmp_path, OF_STEPS[name], reduced), "VAE304")


@pytest.mark.parametrize("name", OF_ROWS)
def test_a_sum_over_the_latents_of_rows_is_clean(name: str, tmp_path: Path) -> None:
    assert is_clean(read(tmp_path, OF_ROWS[name], ".sum(dim=1).mean()"), "VAE304")


def test_a_mean_after_batch_and_another_axis_speaks_of_a_third(tmp_path: Path) -> None:
    """Of rows of latents nothing would be left to average; the sum over the batch is one all the same."""
    report = read(tmp_path, OF_ROWS["a linear layer"], ".sum(dim=[0, 1]).mean()")
    assert codes(report) == ["VAE504"]
    assert not is_clean(report, "VAE304")


def test_a_sum_over_the_batch_is_named_of_rows(tmp_path: Path) -> None:
    assert "VAE304" in codes(read(tmp_path, OF_ROWS["a linear layer"], ".sum(dim=0).mean()"))
