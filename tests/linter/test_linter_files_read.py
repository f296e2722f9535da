"""Files that concern a VAE without naming torch or a head: by a star import, or by training a model of the project."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, linted

STARRED = MODEL + FORWARD.replace("randn_like", "rand_like")


@pytest.mark.parametrize(
    "star", ["from shared import *", "from .shared import *", "if True:\n    from shared import *"]
)
def test_torch_may_come_by_a_star_import_of_the_projects_own(star: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"shared.py": HEAD, "net.py": f"{star}\n{STARRED}"})
    assert codes(report) == ["VAE202"]
    assert report.files_concerned == 1


def test_what_a_star_import_does_not_bring_is_not_judged(tmp_path: Path) -> None:
    report = linted(tmp_path, {"shared.py": "import math\n", "net.py": f"from shared import *\n{STARRED}"})
    assert codes(report) == []


SHORT = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)

    def forward(self, x):
        m, l = self.a(x), self.b(x)
        return self.back(m + torch.exp(0.5 * l) * torch.randn_like(m)), m, l
"""
RUN = """\
from nets import Net
from torch.optim import Adam


def run(loader):
    net = Net()
    adam = Adam(net.parameters())
    for x in loader:
        y, m, l = net(x)
        d = {sign}0.5 * (1 + l - m * m - l.exp()).sum(1)
        total = (((y - x) ** 2).sum(1) + d).mean()
        adam.zero_grad()
        total.backward()
        adam.step()
"""


@pytest.mark.parametrize(("sign", "expected"), [("-", []), ("", ["VAE302"])])
def test_whoever_trains_a_model_of_the_project_is_read(sign: str, expected: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"nets.py": SHORT, "run.py": RUN.format(sign=sign)})
    assert codes(report) == expected
    assert report.files_concerned == 2


def test_whoever_trains_another_model_is_not(tmp_path: Path) -> None:
    other = RUN.format(sign="").replace("Net", "Tree")
    assert linted(tmp_path, {"nets.py": SHORT, "run.py": other}).files_concerned == 1
