"""What many samplers, KLs and losses of one model cost: little more for each than for the first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from counted import calls_of
from many_samplers import chained_samplers, many_decoded_means, many_samplers

from vae_checked.linter import lint


def calls_of_lint(path: Path) -> int:
    """The calls that linting a file takes."""
    return calls_of(lambda: lint([path]))


@pytest.mark.parametrize("model", [many_samplers, chained_samplers, many_decoded_means])
def test_four_times_the_samplers_take_less_than_seven_times_the_calls(
    model: Callable[[int], str], tmp_path: Path
) -> None:
    few, many = tmp_path / "few.py", tmp_path / "many.py"
    few.write_text(model(7), encoding="utf-8")
    many.write_text(model(28), encoding="utf-8")
    # The first run imports what all need.
    calls_of_lint(few)
    assert calls_of_lint(many) < 7 * calls_of_lint(few)


DROPPED = """
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self, rate=0.1):
        super().__init__()
        self.rate = rate
        self.trunk, self.back = nn.Linear(84, 33), nn.Linear(7, 84)
        self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7)

    def forward(self, x):
        h = self.trunk(x)
        {drops}
        m, s = self.to_m(h), self.to_s(h)
        return torch.sigmoid(self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))), m, s


def train(net, loader, optimizer, doubled):
    for x in loader:
        y, m, s = net(x)
        loss = F.binary_cross_entropy(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        if doubled:
            loss = 2 * loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def test_a_dropout_more_takes_few_calls_more(tmp_path: Path) -> None:
    few, many = tmp_path / "few.py", tmp_path / "many.py"
    for path, number in ((few, 20), (many, 80)):
        path.write_text(DROPPED.format(drops="; ".join(["h = F.dropout(h, self.rate)"] * number)), encoding="utf-8")
    calls_of_lint(few)
    assert calls_of_lint(many) < 3 * calls_of_lint(few)
    assert {finding.code for finding in lint([many]).findings} == {"VAE603"}
